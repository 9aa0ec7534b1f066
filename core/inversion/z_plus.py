"""Photos to codes of Z+, one latent a row: where DualStyleGAN's styles are looked for."""

from __future__ import annotations

import torch
from torch import Tensor

from core import hashing
from core.inversion.inverter import RENDERED, TYPICAL, latents, read_encoders, thumbnails
from core.networks.generator import Generator
from core.paths import ROOT


class ZPlus:
    """Pictures to Z+ codes: by the source's Z+ encoder, or by the nearest of random samples.
    ``encoder`` is the file of a ``CompactZPlus``; without it ``candidates`` of ``seed`` are tried.
    """

    def __init__(self, *, encoder: str, candidates: int, seed: int) -> None:
        path = ROOT / encoder
        self.encoders = read_encoders(path)
        self.candidates, self.seed = candidates, seed
        sha256 = hashing.of_file(path) if path.is_file() else ""
        self.config = {"encoder": sha256, "candidates": candidates, "seed": seed}

    @torch.no_grad()
    def __call__(self, g: Generator, pictures: Tensor) -> Tensor:
        """Codes [N, L, Z] of pictures [N, 3, R, R]; an encoder of another generator is refused."""
        for encoder in self.encoders:
            encoder.to(pictures.device).check(g)
            return encoder(pictures)
        z = latents(g, self.candidates, self.seed, pictures.device)
        parts = z.split(RENDERED)
        small = torch.cat([thumbnails(g.synthesis(g.mapping(part, TYPICAL))) for part in parts])
        nearest = torch.cdist(thumbnails(pictures), small).argmin(dim=1)
        return z[nearest][:, None].repeat(1, g.num_ws, 1)
