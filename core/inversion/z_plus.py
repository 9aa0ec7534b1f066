"""Photos to codes of Z+, one latent a row: where DualStyleGAN's styles are looked for."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from core import hashing, weights
from core.inversion.inverter import thumbnails
from core.networks.encoders.compact import CompactZPlus
from core.networks.generator import Generator
from core.paths import ROOT


class ZPlus:
    """Pictures to Z+ codes: by the source's Z+ encoder, or by the nearest of random samples.

    Args:
        encoder: file of a :class:`CompactZPlus`; may be absent.
        candidates: samples that are compared where there is no encoder.
        seed: of the samples.
    """

    def __init__(self, *, encoder: str, candidates: int, seed: int) -> None:
        path = ROOT / encoder
        found = weights.read(path)[0].values() if path.is_file() else ()
        self.sha256 = hashing.of_file(path) if path.is_file() else ""
        self.encoders = [cast(CompactZPlus, e.eval().requires_grad_(False)) for e in found]
        self.candidates, self.seed = candidates, seed

    @torch.no_grad()
    def __call__(self, g: Generator, pictures: Tensor) -> Tensor:
        """Codes [N, L, Z] of pictures [N, 3, R, R]; an encoder of another generator is refused."""
        for encoder in self.encoders:
            encoder.to(pictures.device).check(g)
            return encoder(pictures)
        rng = torch.Generator().manual_seed(self.seed)
        z = torch.randn(self.candidates, g.z_dim, generator=rng).to(pictures.device)
        seen = [thumbnails(g.synthesis(g.mapping(part, 0.8))) for part in z.split(64)]
        nearest = torch.cdist(thumbnails(pictures), torch.cat(seen)).argmin(dim=1)
        return z[nearest][:, None].repeat(1, g.num_ws, 1)
