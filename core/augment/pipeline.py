"""The sixteen augmentations of StyleGAN2-ADA (arXiv:2006.06676, appendix B), in their order. Each
entry befalls each sample with probability p times its multiplier. Movements are gathered in one
matrix and colours in another, so that images are resampled once.
Departs from the published code in: samples that are not moved skip the resampling, which returns
them unchanged up to rounding there.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from core.augment import matrices as m
from core.augment import resampling as r
from core.augment.draws import DOUBLE, Draws, like
from core.bounds import Weight
from core.draws import sent
from core.errors import UserError
from core.networks.layers import full_precision

# The strengths are part of the pipeline's definition: table 3 of the paper's appendix. They are
# standard deviations, those of factors in octaves, so that twice is as likely as half.
SHIFT = 0.125  # of fractional translation, and the largest by whole pixels; of the side
SCALE_OCTAVES = 0.2  # of uniform and of anisotropic scaling
BRIGHTNESS = 0.2  # of colours in [-1, 1]
CONTRAST_OCTAVES = 0.5  # of the factor on what differs from the mean grey
SATURATION_OCTAVES = 1.0  # of the factor on what differs from grey
FILTER_OCTAVES = 1.0  # of the gain of each of four frequency bands
FILTER_ENERGY = (10 / 13, 1 / 13, 1 / 13, 1 / 13)  # of the bands: 1/f spectrum of natural images
NOISE = 0.1  # of the deviation itself, which is half-normal
CUTOUT = 0.5  # side of the square, of the picture's; not random

COLOURS: dict[str, tuple[Callable[[Draws], Tensor], Callable[[Tensor], Tensor]]] = {
    "brightness": (lambda d: d.normal() * BRIGHTNESS, lambda shift: m.affine(1.0, shift)),
    "contrast": (lambda d: d.normal() * CONTRAST_OCTAVES, lambda e: m.affine(r.octaves(e), 0.0)),
    "lumaflip": (lambda d: (d.uniform() * 2).floor(), m.luma_flip),
    "hue": (lambda d: (2 * d.uniform() - 1) * math.pi, m.hue),
    "saturation": (lambda d: d.normal() * SATURATION_OCTAVES, lambda e: m.saturation(r.octaves(e))),
}
CHROMATIC = ("hue", "saturation")  # do nothing to grey pictures, and draw nothing

Names = str | Sequence[str] | Mapping[str, Weight]
BLIT = ("xflip", "rotate90", "xint")
GEOMETRY = ("scale", "rotate", "aniso", "xfrac")
COLOUR = tuple(COLOURS)
TRANSFORMS = (*BLIT, *GEOMETRY, *COLOUR, "imgfilter", "noise", "cutout")
PIPELINES: dict[str, tuple[str, ...]] = {  # named as in the published code
    "blit": BLIT, "geom": GEOMETRY, "color": COLOUR,
    "filter": ("imgfilter",), "noise": ("noise",), "cutout": ("cutout",),
    "bg": (*BLIT, *GEOMETRY), "bgc": TRANSFORMS[:-3], "bgcf": TRANSFORMS[:-2],
    "bgcfn": TRANSFORMS[:-1], "bgcfnc": TRANSFORMS,
}  # fmt: skip


def multipliers(pipeline: Names) -> dict[str, float]:
    """Probability multiplier of every transform, from a pipeline's or from transforms' names."""
    if isinstance(pipeline, str):
        if pipeline not in PIPELINES:
            raise UserError(f"There is no pipeline {pipeline!r}; there are {', '.join(PIPELINES)}.")
        pipeline = PIPELINES[pipeline]
    wanted = pipeline if isinstance(pipeline, Mapping) else dict.fromkeys(pipeline, 1.0)
    for name, value in wanted.items():
        if name not in TRANSFORMS:
            known = ", ".join(TRANSFORMS)
            raise UserError(f"There is no augmentation {name!r}; there are {known}.")
        if not value >= 0:
            raise UserError(f"The multiplier of {name} must not be negative, got {value}.")
    return {name: float(wanted.get(name, 0)) for name in TRANSFORMS}


class Pipeline:
    """Images [N, 3 or 1, H, W] and draws for N samples to augmented images."""

    def __init__(self, pipeline: Names) -> None:
        self.multipliers = multipliers(pipeline)

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(f"images must be [N, 3, H, W] or [N, 1, H, W], got {images.shape}")
        with full_precision(images):  # autocast would round pictures before anybody sees them
            images = changed(images, self.movements(draws, *images.shape[2:]), r.warp)
            images = changed(images, self.colours(draws, images.shape[1]), r.recolour)
            if self.multipliers["imgfilter"]:
                images = r.filter_bands(images, self.gains(draws))
            if self.multipliers["noise"]:
                sigma = self.chosen("noise", draws, draws.half_normal() * NOISE)
                images = images + draws.field(images) * like(sigma, images)[:, None, None, None]
            if self.multipliers["cutout"]:
                size = self.chosen("cutout", draws, torch.full([draws.n], CUTOUT, dtype=DOUBLE))
                images = r.cut(images, size, draws.uniform(), draws.uniform())
        return images

    def chosen(self, name: str, draws: Draws, value: Tensor) -> Tensor:
        """``value`` [N], drawn before, where the coin of ``name`` falls for it, else 0."""
        return value.where(draws.coin(self.multipliers[name]), 0.0)

    def movements(self, draws: Draws, height: int, width: int) -> Tensor:
        """[N, 3, 3], float64: from pixels of the result to pixels of the image."""
        chance = self.multipliers
        g = torch.eye(3, dtype=DOUBLE).repeat(draws.n, 1, 1)
        if chance["xflip"]:
            flip = self.chosen("xflip", draws, (draws.uniform() * 2).floor())
            g = g @ m.scaling(1 - 2 * flip, 1.0)
        if chance["rotate90"]:
            turns = self.chosen("rotate90", draws, (draws.uniform() * 4).floor())
            g = g @ m.rotation(turns * (math.pi / 2))
        if chance["xint"]:
            coin = draws.coin(chance["xint"])
            x, y = ((2 * draws.uniform() - 1) * SHIFT * coin for _ in "xy")
            g = g @ m.translation(-(x * width).round(), -(y * height).round())
        if chance["scale"]:
            s = r.octaves(self.chosen("scale", draws, draws.normal() * SCALE_OCTAVES))
            g = g @ m.scaling(1 / s, 1 / s)
        g = self.turned(g, draws, second=False)
        if chance["aniso"]:
            s = r.octaves(self.chosen("aniso", draws, draws.normal() * SCALE_OCTAVES))
            g = g @ m.scaling(1 / s, s)
        g = self.turned(g, draws, second=True)
        if chance["xfrac"]:
            coin = draws.coin(chance["xfrac"])
            x, y = (draws.normal() * SHIFT * coin for _ in "xy")
            g = g @ m.translation(-x * width, -y * height)
        return g

    def turned(self, g: Tensor, draws: Draws, *, second: bool) -> Tensor:
        """``g`` [N, 3, 3] before or after the anisotropic scaling's rotation."""
        if not self.multipliers["rotate"]:
            return g
        angle = (2 * draws.uniform() - 1) * math.pi
        coin = draws.rotation_coin(self.multipliers["rotate"], second=second)
        return g @ m.rotation(angle * coin)

    def colours(self, draws: Draws, channels: int) -> Tensor:
        """[N, 4, 4], float64: homogeneous colour matrices."""
        c = torch.eye(4, dtype=DOUBLE).repeat(draws.n, 1, 1)
        for name, (draw, matrix) in COLOURS.items():
            if self.multipliers[name] and (channels > 1 or name not in CHROMATIC):
                c = matrix(self.chosen(name, draws, draw(draws))) @ c
        return c

    def gains(self, draws: Draws) -> Tensor:
        """[N, 4], float64: of the frequency bands; a band's change keeps the expected energy."""
        energy = torch.tensor(FILTER_ENERGY, dtype=DOUBLE)
        gains = torch.ones(draws.n, 4, dtype=DOUBLE)
        for band in range(4):
            change = torch.ones(draws.n, 4, dtype=DOUBLE)
            exponent = self.chosen("imgfilter", draws, draws.normal() * FILTER_OCTAVES)
            change[:, band] = r.octaves(exponent)
            gains = gains * change / r.root_mean_energy(change, energy)
        return gains


def changed(images: Tensor, of: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """``change(images, of)`` where the matrix in ``of`` [N, k, k] is not the identity."""
    touched = (of != torch.eye(of.shape[1], dtype=of.dtype)).flatten(1).any(dim=1)
    if not touched.any():
        return images
    if touched.all():
        return change(images, of)
    index = touched.nonzero()[:, 0]
    rows = sent(index, images.device)
    return images.index_copy(0, rows, change(images[rows], of[index]))
