"""What DualStyleGAN makes before it trains: once for a source, once for every picture.

Stage II of the training is the same for all targets, and the codes of a picture are the same in all
runs of a seed. Both are kept on disk under names that change with whatever determines them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from adapters.dualstylegan.destylisation import Codes, Destylise
from adapters.dualstylegan.pretraining import StructureTransfer, StyleTuning
from core import hashing, resumable
from core.networks.dualstylegan import DualStyleGAN
from core.networks.generator import Generator
from core.paths import ROOT, cache_folder
from core.source import Source
from core.types import Shots

Told = Callable[[str, int], AbstractContextManager[resumable.Progress]]
"""Given what is done and in how many steps: what takes (done, total)."""


class PretrainingCache:
    """Finds stage II and the codes of pictures, or makes them.

    Args:
        pretrained: file of a stage II that is shipped; used if it is of this source and numbers.
        cache: folder of what was made.
        save_every: steps between two states of an unfinished stage.
        transfer: makes stage II.
        tuning: makes the game that tunes a generator for destylisation.
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

    def path(self, source: Source, dual: DualStyleGAN, told: Told) -> dict[str, Tensor]:
        """Stage II, of a fresh extrinsic path: tensors ``g.*`` and ``d.*``."""
        name = self.path_name(source, dual)
        if resumable.name_in(self.pretrained) == name:
            return resumable.kept(self.pretrained)
        stage = self.transfer(source, dual, self.destylise.encode, self.destylise.guide)
        with told(f"structure transfer on {source.name}, once for all targets", stage.steps) as bar:
            return resumable.completed(stage, self.file(name), self.save_every, bar, name)

    def path_name(self, source: Source, dual: DualStyleGAN) -> str:
        """What stage II of this source and these numbers is called."""
        return resumable.named(
            source=source.sha256,
            arch=dual.config,
            guide=self.destylise.guide,
            encode=self.destylise.encode,
            transfer=self.transfer,
        )

    def codes(self, source: Source, shots: Shots, seed: int, told: Told) -> Codes:
        """Codes of shots [K, 3, R, R], which are read in parts; each is kept for itself."""
        hashes = [fingerprint(shot) for shot in shots]
        tuned = resumable.named(
            source=source.sha256,
            arch=source.g.config,
            shots=hashes,
            seed=seed,
            tuning=self.tuning,
        )
        names = [
            resumable.named(picture=each, tuned=tuned, destylise=self.destylise) for each in hashes
        ]
        left = [i for i, name in enumerate(names) if not resumable.kept(self.file(name))]
        if left:
            g = self.tuned(source, shots, seed, tuned, told)
            with told("destylising the shots", len(left)) as bar:
                for ids in parts(left, self.batch_size):
                    found = self.destylise(source.g, g, shots[ids].to(g.mapping.w_avg.device))
                    for i, *codes in zip(ids, *found, strict=True):
                        tensors = dict(zip(Codes._fields, codes, strict=True))
                        resumable.keep(self.file(names[i]), tensors, names[i])
                    bar(left.index(ids[-1]) + 1, len(left))
        kept = [resumable.kept(self.file(name)) for name in names]
        device = source.g.mapping.w_avg.device
        return Codes(*(torch.stack([k[f] for k in kept]).to(device) for f in Codes._fields))

    def tuned(self, source: Source, shots: Shots, seed: int, name: str, told: Told) -> Generator:
        """The source's generator after a little training on the shots."""
        stage = self.tuning(source, shots, seed=seed)
        with told("tuning a generator for destylisation", stage.steps) as bar:
            found = resumable.completed(stage, self.file(name), self.save_every, bar, name)
        g = copy.deepcopy(source.g)
        g.load_state_dict(found)
        return g

    def file(self, name: str) -> Path:
        """Where what has this name lies."""
        return self.folder / f"{name}.safetensors"


def fingerprint(picture: Tensor) -> str:
    """Of a picture [3, R, R], in the 8 bits that it would be saved in."""
    grey: Any = (picture * 127.5 + 128).clamp(0, 255).byte().cpu().numpy()
    return hashing.of_bytes(grey.tobytes())


def parts(items: list[int], size: int) -> Iterator[list[int]]:
    """Pieces of at most ``size``."""
    for at in range(0, len(items), size):
        yield items[at : at + size]
