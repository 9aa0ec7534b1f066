"""Facial destylisation: from a stylised picture to the face behind it (arXiv:2203.13248, 3.1).

Three steps: a Z+ code is found that the source's generator shows as the picture (the extrinsic
code); the code is optimised so that a generator which was shortly tuned on the style shows the
picture, its rows kept alike, and with them what the source makes of it is a face; that face is
embedded in Z+ (the intrinsic code). Colour rows stay the extrinsic ones.

Departs from the paper in: see the yaml of the method.
"""

from __future__ import annotations

import hashlib
import math
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor

from core import weights
from core.inversion.inverter import thumbnails
from core.inversion.noise_maps import ConstantNoise, Noise
from core.networks.encoders.compact import CompactZPlus
from core.networks.generator import Generator
from core.paths import ROOT

RAMP, FALL = 0.05, 0.25  # shares of the steps


class Guiding(Protocol):
    """A network that losses look through."""

    def embed(self, images: Tensor) -> Tensor:
        """Vectors [N, V] whose squared distances are perceptual."""

    def identity(self, images: Tensor) -> Tensor:
        """Unit vectors [N, E] that say who it is."""


class Embed(Protocol):
    """What makes the intrinsic code of a face."""

    def __call__(
        self, encode: ZPlus, g: Generator, codes: Tensor, maps: dict[str, Tensor]
    ) -> Tensor:
        """Codes [N, L, Z] of what g makes of codes and noise maps."""


class Codes(NamedTuple):
    """What destylisation makes of pictures: Z+ codes [N, L, Z] each."""

    extrinsic: Tensor
    intrinsic: Tensor


def rate(step: int, steps: int, highest: float) -> float:
    """Learning rate of a step: a linear ramp, a plain, a cosine."""
    t = step / steps
    return highest * min(1.0, t / RAMP) * (0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / FALL)))


def row_deviation(codes: Tensor) -> Tensor:
    """[N]: the standard deviation over the rows of codes [N, L, Z], averaged."""
    return codes.std(dim=1).mean(dim=1)


def rows_mapped(g: Generator, codes: Tensor) -> Tensor:
    """Styles [N, L, W] of codes [N, L, Z]."""
    return g.mapping.style(codes.flatten(0, 1)).unflatten(0, codes.shape[:2])


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
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
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


class Reread:
    """Embeds a face by the encoder, after truncation: as published.

    Args:
        psi: truncation of the styles of the face.
        towards: styles that truncation leads to: ``average`` or ``zero``.
    """

    def __init__(self, *, psi: float, towards: str) -> None:
        self.psi, self.towards = psi, towards

    def __call__(
        self, encode: ZPlus, g: Generator, codes: Tensor, maps: dict[str, Tensor]
    ) -> Tensor:
        """Codes [N, L, Z] of what g makes of ``codes``; these themselves without an encoder."""
        if not encode.encoders:
            return codes
        ws = truncated(g, rows_mapped(g, codes), self.psi, self.towards)
        return encode(g, g.synthesis.trace(ws, noise=maps).image)


class AsItIs:
    """The optimised code is the embedding: for encoders that lose more than they put right."""

    def __call__(
        self, encode: ZPlus, g: Generator, codes: Tensor, maps: dict[str, Tensor]
    ) -> Tensor:
        """The codes."""
        return codes


class Destylise:
    """The three steps for a batch of pictures; no picture's result depends on the others.

    Args:
        encode: pictures to Z+ codes.
        sharpen_steps: of Adam by which the source's generator improves on the encoder; 0 leaves
            what the encoder said.
        embed: the face to its code.
        guide: what the losses look through.
        noise: maps that are optimised beside the codes.
        code_steps: of Adam.
        lr: its highest learning rate.
        perceptual: weight of the perceptual distance.
        identity: weight of one minus the cosine of the identities.
        deviation: weight of the rows' standard deviation.
        colour_from: first row that stays the extrinsic code's.
    """

    def __init__(
        self,
        *,
        encode: ZPlus,
        sharpen_steps: int,
        embed: Embed,
        guide: Guiding,
        noise: Noise,
        code_steps: int,
        lr: float,
        perceptual: float,
        identity: float,
        deviation: float,
        colour_from: int,
    ) -> None:
        self.encode, self.sharpen_steps, self.embed = encode, sharpen_steps, embed
        self.guide, self.noise = guide, noise
        self.steps, self.lr = code_steps, lr
        self.perceptual, self.identity, self.deviation = perceptual, identity, deviation
        self.colour_from = colour_from

    def __call__(self, g: Generator, tuned: Generator, pictures: Tensor) -> Codes:
        """Codes of pictures [N, 3, R, R]; ``tuned`` is g after a little training on the style."""
        extrinsic = self.extrinsic(g, pictures)
        found, maps = self.optimised(tuned, pictures, extrinsic, self.steps, self.noise)
        with torch.no_grad():
            codes = self.recoloured(found, extrinsic)
            embedded = self.embed(self.encode, g, codes, maps)
        return Codes(extrinsic, self.recoloured(embedded, extrinsic))

    def extrinsic(self, g: Generator, pictures: Tensor) -> Tensor:
        """Codes [N, L, Z] that g shows as the pictures, as far as it can."""
        start = self.encode(g, pictures)
        return self.optimised(g, pictures, start, self.sharpen_steps, ConstantNoise())[0]

    def recoloured(self, codes: Tensor, extrinsic: Tensor) -> Tensor:
        """Codes whose colour rows are the extrinsic ones."""
        return torch.cat([codes[:, : self.colour_from], extrinsic[:, self.colour_from :]], dim=1)

    @torch.enable_grad()
    def optimised(
        self, g: Generator, pictures: Tensor, start: Tensor, steps: int, noise: Noise
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Codes [N, L, Z] and noise maps with which g shows the pictures."""
        with torch.no_grad():
            wanted, who = self.guide.embed(pictures), self.guide.identity(pictures)
        codes = start.clone().requires_grad_(True)
        alike = noise.maps(g.synthesis, 1)  # whatever stands beside a picture
        maps = {
            name: drawn.detach().repeat(len(pictures), 1, 1, 1) for name, drawn in alike.items()
        }
        for drawn in maps.values():
            drawn.requires_grad_(True)
        adam = torch.optim.Adam([codes, *maps.values()], lr=self.lr)
        for step in range(steps):
            adam.param_groups[0]["lr"] = rate(step, steps, self.lr)
            shown = g.synthesis.trace(rows_mapped(g, codes), noise=maps).image
            near = (self.guide.embed(shown) - wanted).square().sum(1)
            other = 1 - (self.guide.identity(shown) * who).sum(1)
            cost = self.perceptual * near + self.identity * other + noise.penalty(maps)
            adam.zero_grad()
            (cost + self.deviation * row_deviation(codes)).sum().backward()
            adam.step()
            noise.after_step(maps)
        return codes.detach(), {name: drawn.detach() for name, drawn in maps.items()}


def truncated(g: Generator, ws: Tensor, psi: float, towards: str) -> Tensor:
    """Styles [N, L, W] that are ``psi`` times as far from the average style, or from zero."""
    centre = {"average": g.mapping.w_avg, "zero": torch.zeros_like(g.mapping.w_avg)}[towards]
    return centre + psi * (ws - centre)
