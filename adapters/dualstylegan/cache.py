"""What DualStyleGAN makes before it trains: once for a source, once for every picture.
Stage II of the training is the same for all targets, and the codes of a picture are the same in all
runs of a seed. Both are kept on disk under names that change with whatever determines them.
"""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from adapters.dualstylegan.destylisation import Codes, Destylise
from adapters.dualstylegan.pretraining import StructureTransfer, StyleTuning
from core import hashing, resumable
from core.adaptive_batches import within
from core.bounds import Count
from core.networks.dualstylegan import DualStyleGAN
from core.paths import cache_folder, placed
from core.progress import bar
from core.source import Source
from core.types import Shots


class PretrainingCache:
    """Finds stage II and the codes of pictures, or makes them."""

    def __init__(
        self,
        *,
        pretrained: str,  # a shipped stage II, used if it is of this source and numbers
        cache: str,  # folder of what was made
        save_every: Count,  # steps between two states of an unfinished stage
        transfer: Callable[..., StructureTransfer],  # makes stage II
        tuning: Callable[..., StyleTuning],  # makes what tunes G for destylisation
        destylise: Destylise,  # pictures to codes
        batch_size: Count,  # pictures side by side
    ) -> None:
        self.pretrained, self.folder = placed(pretrained), cache_folder(cache) / "dualstylegan"
        self.save_every, self.transfer, self.tuning = save_every, transfer, tuning
        self.destylise, self.batch_size = destylise, batch_size

    def structure_transfer(self, source: Source, dual: DualStyleGAN) -> dict[str, Tensor]:
        """Stage II, of a fresh extrinsic path: tensors ``g.*`` and ``d.*``."""
        key = self.structure_transfer_key(source, dual)
        if resumable.key_of(self.pretrained) == key:
            return resumable.load(self.pretrained)
        stage = self.transfer(source, dual, self.destylise.encode, self.destylise.guide)
        title = f"structure transfer on {source.name}, once for all targets"
        return self.run_or_load(stage, key, title)

    def structure_transfer_key(self, source: Source, dual: DualStyleGAN) -> str:
        guide, encode = self.destylise.guide, self.destylise.encode
        made_by = {"guide": guide, "encode": encode, "transfer": self.transfer}
        return resumable.cache_key(source=source.sha256, arch=dual.config, **made_by)

    def exemplar_codes(self, source: Source, shots: Shots, seed: int) -> Codes:
        """Codes of shots [K, 3, R, R], which are read in parts; each is kept for itself."""
        hashes = [picture_hash(shot) for shot in shots]
        of_source = {"source": source.sha256, "arch": source.g.config}
        tuned = resumable.cache_key(**of_source, shots=hashes, seed=seed, tuning=self.tuning)
        made_by = {"tuned": tuned, "destylise": self.destylise}
        keys = [resumable.cache_key(picture=each, **made_by) for each in hashes]
        missing = [i for i, key in enumerate(keys) if not resumable.load(self.path_of(key))]
        device = source.g.mapping.w_avg.device
        if missing:
            stage, title = self.tuning(source, shots, seed=seed), "tuning a generator"
            g = copy.deepcopy(source.g)
            g.load_state_dict(self.run_or_load(stage, tuned, f"{title} for destylisation"))
            together = within(self.batch_size, source.resolution, device)
            with bar("destylising the shots", len(missing), "shots") as shown:
                for at in range(0, len(missing), together):
                    ids = missing[at : at + together]
                    codes = self.destylise(source.g, g, shots[ids].to(device))
                    for i, *own in zip(ids, *codes, strict=True):
                        tensors = dict(zip(Codes._fields, own, strict=True))
                        resumable.save(self.path_of(keys[i]), tensors, keys[i])
                    shown.update(at + len(ids))
        # All come from disk: rounded alike, whichever run made them.
        saved = [resumable.load(self.path_of(key)) for key in keys]
        return Codes(*(torch.stack([k[f] for k in saved]).to(device) for f in Codes._fields))

    def run_or_load(self, stage: resumable.Stage, key: str, title: str) -> dict[str, Tensor]:
        path = self.path_of(key)
        with bar(title, stage.steps, "steps") as shown:
            return resumable.run_or_load(stage, path, self.save_every, shown.update, key)

    def path_of(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"


def picture_hash(picture: Tensor) -> str:
    """SHA-256 of a picture [3, R, R], in the 8 bits that it would be saved in."""
    pixels = (picture * 127.5 + 128).clamp(0, 255).byte().cpu()
    return hashing.of_bytes(pixels.numpy().tobytes())
