"""What DualStyleGAN makes before it trains: once for a source, once for every picture.

Stage II of the training is the same for all targets, and the codes of a picture are the same in all
runs of a seed. Both are kept on disk under names that change with whatever determines them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from adapters.dualstylegan.destylisation import Codes, Destylise
from adapters.dualstylegan.pretraining import StructureTransfer, StyleTuning
from core import hashing, resumable
from core.networks.dualstylegan import DualStyleGAN
from core.networks.generator import Generator
from core.paths import ROOT, cache_folder
from core.progress import bar
from core.source import Source
from core.types import Shots


class PretrainingCache:
    """Finds stage II and the codes of pictures, or makes them.

    Args:
        pretrained: file of a stage II that is shipped; used if it is of this source and numbers.
        cache: folder of what was made.
        save_every: steps between two states of an unfinished stage.
        transfer: makes stage II.
        tuning: makes the training that tunes a generator for destylisation.
        destylise: pictures to codes.
        batch_size: pictures side by side.
    """

    def __init__(
        self,
        *,
        pretrained: str,
        cache: str,
        save_every: int,
        transfer: Callable[..., StructureTransfer],
        tuning: Callable[..., StyleTuning],
        destylise: Destylise,
        batch_size: int,
    ) -> None:
        self.pretrained, self.folder = ROOT / pretrained, cache_folder(cache) / "dualstylegan"
        self.save_every, self.transfer, self.tuning = save_every, transfer, tuning
        self.destylise, self.batch_size = destylise, batch_size

    def structure_transfer(self, source: Source, dual: DualStyleGAN) -> dict[str, Tensor]:
        """Stage II, of a fresh extrinsic path: tensors ``g.*`` and ``d.*``."""
        key = self.structure_transfer_key(source, dual)
        if resumable.key_of(self.pretrained) == key:
            return resumable.load(self.pretrained)
        stage = self.transfer(source, dual, self.destylise.encode, self.destylise.guide)
        return self.run_or_load(
            stage, key, f"structure transfer on {source.name}, once for all targets"
        )

    def structure_transfer_key(self, source: Source, dual: DualStyleGAN) -> str:
        """What determines stage II of this source and these numbers."""
        return resumable.cache_key(
            source=source.sha256,
            arch=dual.config,
            guide=self.destylise.guide,
            encode=self.destylise.encode,
            transfer=self.transfer,
        )

    def exemplar_codes(self, source: Source, shots: Shots, seed: int) -> Codes:
        """Codes of shots [K, 3, R, R], which are read in parts; each is kept for itself."""
        hashes = [picture_hash(shot) for shot in shots]
        tuned = resumable.cache_key(
            source=source.sha256,
            arch=source.g.config,
            shots=hashes,
            seed=seed,
            tuning=self.tuning,
        )
        keys = [
            resumable.cache_key(picture=each, tuned=tuned, destylise=self.destylise)
            for each in hashes
        ]
        missing = [i for i, key in enumerate(keys) if not resumable.load(self.path_of(key))]
        device = source.g.mapping.w_avg.device
        if missing:
            g = self.tuned_generator(source, shots, seed, tuned)
            with bar("destylising the shots", len(missing), "shots") as shown:
                for at in range(0, len(missing), self.batch_size):
                    ids = missing[at : at + self.batch_size]
                    codes = self.destylise(source.g, g, shots[ids].to(device))
                    for i, *own in zip(ids, *codes, strict=True):
                        tensors = dict(zip(Codes._fields, own, strict=True))
                        resumable.save(self.path_of(keys[i]), tensors, keys[i])
                    shown.update(at + len(ids))
        saved = [resumable.load(self.path_of(key)) for key in keys]
        return Codes(*(torch.stack([k[f] for k in saved]).to(device) for f in Codes._fields))

    def tuned_generator(self, source: Source, shots: Shots, seed: int, key: str) -> Generator:
        """The source's generator after a little training on the shots."""
        stage = self.tuning(source, shots, seed=seed)
        g = copy.deepcopy(source.g)
        g.load_state_dict(self.run_or_load(stage, key, "tuning a generator for destylisation"))
        return g

    def run_or_load(self, stage: resumable.Stage, key: str, title: str) -> dict[str, Tensor]:
        """The outcome of a stage, with a bar."""
        with bar(title, stage.steps, "steps") as shown:
            return resumable.run_or_load(
                stage, self.path_of(key), self.save_every, shown.update, key
            )

    def path_of(self, key: str) -> Path:
        """Where what has this key lies."""
        return self.folder / f"{key}.safetensors"


def picture_hash(picture: Tensor) -> str:
    """SHA-256 of a picture [3, R, R], in the 8 bits that it would be saved in."""
    pixels = (picture * 127.5 + 128).clamp(0, 255).byte().cpu()
    return hashing.of_bytes(pixels.numpy().tobytes())
