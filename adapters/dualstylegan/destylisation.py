"""Facial destylisation: from a stylised picture to the face behind it (arXiv:2203.13248, 3.1).

Three steps: a Z+ code is found that the source's generator shows as the picture (the extrinsic
code); the code is optimised so that a generator which was shortly tuned on the style shows the
picture, its rows kept alike, and with them what the source makes of it is a face; that face is
embedded in Z+ (the intrinsic code). Colour rows stay the extrinsic ones.

Departs from the paper in: see the yaml of the method.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from core.inversion.inverter import ZPlus
from core.inversion.noise_maps import ConstantNoise
from core.networks.dualstylegan import DualStyleGAN
from core.networks.generator import Generator, rows_mapped
from core.types import GuideNetwork

RAMP, FALL = 0.05, 0.25  # shares of the steps, as in StyleGAN2's projector (arXiv:1912.04958, D)


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


@dataclass(frozen=True, kw_only=True)
class ReEncode:
    """Embeds a face by the encoder, after truncation: as published.

    Args:
        psi: truncation of the styles of the face.
        towards: styles that truncation leads to: ``average`` or ``zero``.
    """

    psi: float
    towards: str

    def __call__(
        self, encode: ZPlus, g: Generator, codes: Tensor, maps: dict[str, Tensor]
    ) -> Tensor:
        """Codes [N, L, Z] of what g makes of ``codes``; these themselves without an encoder."""
        if not encode.encoders:
            return codes
        ws = truncated(g, rows_mapped(g, codes), self.psi, self.towards)
        return encode(g, g.synthesis.trace(ws, noise=maps).image)


@dataclass(frozen=True)
class KeepCode:
    """The optimised code is the embedding: for encoders that lose more than they put right."""

    def __call__(
        self, encode: ZPlus, g: Generator, codes: Tensor, maps: dict[str, Tensor]
    ) -> Tensor:
        return codes


@dataclass(frozen=True, kw_only=True)
class Destylise:
    """The three steps for a batch of pictures; no picture's result depends on the others.

    Args:
        encode: pictures to Z+ codes.
        refine_steps: of Adam by which the source's generator improves on the encoder; 0 leaves
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

    encode: ZPlus
    refine_steps: int
    embed: Embed
    guide: GuideNetwork
    noise: ConstantNoise
    code_steps: int
    lr: float
    perceptual: float
    identity: float
    deviation: float
    colour_from: int

    def __call__(self, g: Generator, tuned: Generator, pictures: Tensor) -> Codes:
        """Codes of pictures [N, 3, R, R]; ``tuned`` is g after a little training on the style."""
        extrinsic = self.extrinsic(g, pictures)
        found, maps = self.optimise_codes(tuned, pictures, extrinsic, self.code_steps, self.noise)
        with torch.no_grad():
            codes = self.recoloured(found, extrinsic)
            embedded = self.embed(self.encode, g, codes, maps)
        return Codes(extrinsic, self.recoloured(embedded, extrinsic))

    def extrinsic(self, g: Generator, pictures: Tensor) -> Tensor:
        """Codes [N, L, Z] that g shows as the pictures, as far as it can."""
        start = self.encode(g, pictures)
        return self.optimise_codes(g, pictures, start, self.refine_steps, ConstantNoise())[0]

    def recoloured(self, codes: Tensor, extrinsic: Tensor) -> Tensor:
        """Codes whose colour rows are the extrinsic ones."""
        return torch.cat([codes[:, : self.colour_from], extrinsic[:, self.colour_from :]], dim=1)

    @torch.enable_grad()
    def optimise_codes(
        self, g: Generator, pictures: Tensor, start: Tensor, steps: int, noise: ConstantNoise
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Codes [N, L, Z] and noise maps with which g shows the pictures."""
        with torch.no_grad():
            features, identity = self.guide.embed(pictures), self.guide.identity(pictures)
        codes = start.clone().requires_grad_(True)
        first = noise.maps(g.synthesis, 1)  # the same for all, whatever stands beside a picture
        maps = {
            name: drawn.detach().repeat(len(pictures), 1, 1, 1) for name, drawn in first.items()
        }
        for drawn in maps.values():
            drawn.requires_grad_(True)
        adam = torch.optim.Adam([codes, *maps.values()], lr=self.lr)
        for step in range(steps):
            adam.param_groups[0]["lr"] = rate(step, steps, self.lr)
            shown = g.synthesis.trace(rows_mapped(g, codes), noise=maps).image
            near = (self.guide.embed(shown) - features).square().sum(1)
            other = 1 - (self.guide.identity(shown) * identity).sum(1)
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


@torch.enable_grad()
def embed_new_exemplar(
    g: DualStyleGAN,
    picture: Tensor,
    destylise: Destylise,
    cost: Callable[[Tensor, Tensor], Tensor],
    lr: Mapping[str, float],
) -> Tensor:
    """Extrinsic styles [1, L, W] of a picture [3, R, R] that training has not seen.

    The source's code of the picture is the face, and where the style begins; the style is then
    refined as the exemplars' are, in as many steps as a code takes.

    Args:
        g: makes the result.
        picture: as it should look.
        destylise: finds the code.
        cost: of a result and the picture, [1, 3, R, R] each.
        lr: of ``structure`` and ``colour`` rows.
    """
    target, steps = picture[None], destylise.code_steps
    face = destylise.extrinsic(g.generator, target)
    cut = g.structure_rows
    structure, colour = (x.clone().requires_grad_(True) for x in (face[:, :cut], face[:, cut:]))
    groups = [
        {"params": [structure], "lr": lr["structure"]},
        {"params": [colour], "lr": lr["colour"]},
    ]
    adam, ws = torch.optim.Adam(groups, lr=0.0), rows_mapped(g.generator, face)
    for _ in range(steps):
        styles = rows_mapped(g.generator, torch.cat([structure, colour], dim=1))
        adam.zero_grad()
        cost(g.synthesis(ws, styles, g.weights(1.0, 1.0)), target).backward()
        adam.step()
    return rows_mapped(g.generator, torch.cat([structure, colour], dim=1)).detach()
