"""Facial destylisation: from a stylised picture to the face behind it (arXiv:2203.13248, 3.1).
Three steps: a Z+ code is found that the source's generator shows as the picture (the extrinsic
code); the code is optimised so that a generator which was shortly tuned on the style shows the
picture, its rows kept alike, and with them what the source makes of it is a face; that face is
embedded in Z+ (the intrinsic code). Colour rows stay the extrinsic ones.
Departs from the paper in: see the yaml of the method.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from core.bounds import Natural, Weight
from core.inversion.inverter import ZPlus
from core.inversion.noise_maps import ConstantNoise
from core.networks.dualstylegan import DualStyleGAN
from core.networks.generator import Generator, rows_mapped
from core.types import GuideNetwork

RAMP, FALL = 0.05, 0.25  # shares of the steps, as in StyleGAN2's projector (arXiv:1912.04958, D)

Maps = dict[str, Tensor]


class Codes(NamedTuple):
    """What destylisation makes of pictures: Z+ codes [N, L, Z] each."""

    extrinsic: Tensor
    intrinsic: Tensor


def rate(step: int, steps: int, highest: float) -> float:
    """Learning rate of a step: a linear ramp, a plain, a cosine."""
    t = step / steps
    return highest * min(1.0, t / RAMP) * (0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / FALL)))


@dataclass(frozen=True)
class KeepCode:
    """The optimised code is the embedding: for encoders that lose more than they put right."""

    def __call__(self, encode: ZPlus, g: Generator, codes: Tensor, maps: Maps) -> Tensor:
        """Codes [N, L, Z] of what g makes of ``codes`` and noise maps: here these themselves."""
        return codes


@dataclass(frozen=True, kw_only=True)
class ReEncode(KeepCode):
    """Embeds a face by the encoder, if there is one, after truncation: as published."""

    psi: Weight  # share of the distance of its styles that is left
    towards: Literal["average", "zero"]  # what its distance is measured from

    def __call__(self, encode: ZPlus, g: Generator, codes: Tensor, maps: Maps) -> Tensor:
        if not encode.encoders:
            return codes
        w_avg = g.mapping.w_avg
        centre = {"average": w_avg, "zero": torch.zeros_like(w_avg)}[self.towards]
        ws = centre + self.psi * (rows_mapped(g, codes) - centre)
        return encode(g, g.synthesis.trace(ws, noise=maps).image)


@dataclass(frozen=True, kw_only=True)
class Destylise:
    """The three steps for a batch of pictures; no picture's result depends on the others."""

    encode: ZPlus  # pictures to Z+ codes
    refine_steps: Natural  # of Adam, by which the source's generator improves on the encoder; or 0
    embed: KeepCode  # the face to its code
    guide: GuideNetwork  # what the losses look through
    noise: ConstantNoise  # maps that are optimised beside the codes
    code_steps: Natural  # of Adam
    lr: Weight  # its highest
    perceptual: Weight  # weight of the perceptual distance
    identity: Weight  # weight of one minus the cosine of the identities
    deviation: Weight  # weight of the standard deviation over a code's rows, which keeps them alike
    colour_from: Natural  # first row that stays the extrinsic code's

    def __call__(self, g: Generator, tuned: Generator, pictures: Tensor) -> Codes:
        """Codes of pictures [N, 3, R, R]; ``tuned`` is g after a little training on the style."""
        extrinsic = self.extrinsic(g, pictures)
        codes, maps = self.optimise_codes(tuned, pictures, extrinsic, self.code_steps, self.noise)
        with torch.no_grad():
            # The colours of a face are g's own to embed; those of the style come back after it.
            embedded = self.embed(self.encode, g, self.recoloured(codes, extrinsic), maps)
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
    ) -> tuple[Tensor, Maps]:
        """Codes [N, L, Z] and noise maps with which g shows the pictures."""
        with torch.no_grad():
            features, identity = self.guide.embed(pictures), self.guide.identity(pictures)
        codes = start.clone().requires_grad_(True)
        first = noise.maps(g.synthesis, 1)  # the same for all, whatever stands beside a picture
        maps = {
            name: drawn.detach().repeat(len(pictures), 1, 1, 1).requires_grad_(True)
            for name, drawn in first.items()
        }
        adam = torch.optim.Adam([codes, *maps.values()], lr=self.lr)
        for step in range(steps):
            adam.param_groups[0]["lr"] = rate(step, steps, self.lr)
            shown = g.synthesis.trace(rows_mapped(g, codes), noise=maps).image
            near = (self.guide.embed(shown) - features).square().sum(1)
            other = 1 - (self.guide.identity(shown) * identity).sum(1)
            cost = self.perceptual * near + self.identity * other + noise.penalty(maps)
            adam.zero_grad()
            (cost + self.deviation * codes.std(dim=1).mean(dim=1)).sum().backward()
            adam.step()
            noise.after_step(maps)
        return codes.detach(), {name: drawn.detach() for name, drawn in maps.items()}


@torch.enable_grad()
def embed_new_exemplar(
    g: DualStyleGAN,
    picture: Tensor,
    destylise: Destylise,
    cost: Callable[[Tensor, Tensor], Tensor],
    lr: Mapping[str, float],
) -> Tensor:
    """Extrinsic styles [1, L, W] of a picture [3, R, R] that training has not seen.
    The source's code of the picture is the face, and where the style begins, which is then refined
    as the exemplars' are. ``cost`` is of a result and the picture, [1, 3, R, R] each.
    """
    target = picture[None]
    face = destylise.extrinsic(g.generator, target)
    cut, ws = g.structure_rows, rows_mapped(g.generator, face)
    code = {"structure": face[:, :cut], "colour": face[:, cut:]}
    code = {rows: part.clone().requires_grad_(True) for rows, part in code.items()}
    adam = torch.optim.Adam([{"params": [p], "lr": lr[rows]} for rows, p in code.items()], lr=0.0)
    for _ in range(destylise.code_steps):
        styles = rows_mapped(g.generator, torch.cat([*code.values()], dim=1))
        adam.zero_grad()
        cost(g.synthesis(ws, styles, g.weights(1.0, 1.0)), target).backward()
        adam.step()
    return rows_mapped(g.generator, torch.cat([*code.values()], dim=1)).detach()
