"""How far pictures are from the true pictures of the same people, which only ParaFaces can draw.
Of stylised photographs that is who was photographed; of fakes, where latents of the source are the
normals that people are made of (`adapters.paired`), whom the latent names. Lengths are in pixels of
a picture of `SIDE`, colours in CIELAB units, of which 2 are just seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from annotated_types import Len
from torch import Tensor

from benchmarks import parafaces
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.evaluation.gallery import Extractor, Gallery
from benchmarks.harness.evaluation.measure import Measure, TooFew
from benchmarks.harness.evaluation.metrics.palette import lab
from core.bounds import Natural, Positive, Share
from core.errors import UserError

SIDE = 64
REGIONS = {
    "skin": ("skin", "nose", "neck"),
    "hair": ("hair", "brow"),
    "eyes": ("eye", "iris"),
    "mouth": ("lips", "mouth"),
    "glasses": ("glasses",),
    "background": ("background", "clothes"),
}
OF_PHOTOS, OF_LATENTS = ("stylised", "photographed"), ("fakes", "named")


@dataclass(frozen=True, eq=False)
class Compared:
    """Pictures as bytes [n, R, R, 3] of people [n, P], and what is true of these."""

    domain: Any
    people: np.ndarray
    pixels: np.ndarray

    @cached_property
    def truth(self) -> parafaces.Rendering:
        drawn: parafaces.Rendering = self.domain.drawn(self.people)
        return drawn

    @cached_property
    def colours(self) -> Tensor:
        return colours(self.pixels)

    @cached_property
    def true_colours(self) -> Tensor:
        return colours(self.truth.images)

    @cached_property
    def regions(self) -> dict[str, Tensor]:
        """Where each region is in the true pictures, [n, R, R]."""
        labels = torch.from_numpy(np.array(self.truth.segmentation))
        ids = {name: [parafaces.SEGMENTS.index(part) for part in parts]
               for name, parts in REGIONS.items()}  # fmt: skip
        return {name: torch.isin(labels, torch.tensor(own)) for name, own in ids.items()}

    def trait(self, name: str) -> Tensor:
        """A parameter [n] of the people."""
        return torch.from_numpy(self.people[:, parafaces.INDEX[name]].astype(np.float64))

    def mirrored(self, name: str) -> np.ndarray:
        """True pictures of people who differ by a parameter, which is as far from the other end of
        its range as theirs is from the one: glasses are on or off, eyes look to the other side.
        """
        column = parafaces.INDEX[name]
        parameter, people = parafaces.TABLE[column], self.people.copy()
        people[:, column] = parameter.low + parameter.high - people[:, column]
        images: np.ndarray = self.domain.drawn(people).images
        return images


class AgainstTruth:
    """A metric of pictures beside the true ones: of the first ``latents`` fakes, whose people the
    latents name, or, where that is 0, of the stylised photographs.
    """

    better = "lower"

    def __init__(self, *, latents: Natural) -> None:
        self.latents = latents
        self.needs = OF_LATENTS if latents else OF_PHOTOS

    def compared(self, gallery: Gallery) -> Compared:
        return gallery.once(("truth", self.latents), lambda: self._compared(gallery))

    def _compared(self, gallery: Gallery) -> Compared:
        pixels = gallery.pictures(self.needs[0])
        if self.latents:
            pixels = pixels[: self.latents]
            return Compared(gallery.domain, named(gallery.z()[: self.latents]), pixels)
        return Compared(gallery.domain, gallery.domain.photographed()[: len(pixels)], pixels)


class TrueLikeness(AgainstTruth):
    """Mean perceptual distance to the true picture. Of a region it is that of the true picture in
    which only this region is as it was made; of the ``person``, all but the background.
    """

    heads = (("maps",),)

    def __init__(self, extractor: Extractor, *, latents: Natural) -> None:
        super().__init__(latents=latents)
        self.extractors = (extractor,)

    def __call__(self, gallery: Gallery) -> Measure:
        pair = self.compared(gallery)
        truth, made = as_images(np.array(pair.truth.images)), as_images(pair.pixels)
        own = self.maps(gallery, truth)
        masks = pair.regions | {"person": ~pair.regions["background"]}
        details = {}
        for name, mask in masks.items():
            if (there := mask.flatten(1).any(1)).any():
                mixed = torch.where(mask[there, None], made[there], truth[there])
                details[name] = float(distances(self.maps(gallery, mixed), own[there]).mean())
        far = self.each(gallery)
        return Measure(float(far.mean()), self.better, len(far), details)

    def each(self, gallery: Gallery) -> Tensor:
        """The number [n] of every picture."""
        pair = self.compared(gallery)
        pictures = (pair.pixels, np.array(pair.truth.images))
        return distances(*(self.maps(gallery, as_images(one)) for one in pictures))

    def maps(self, gallery: Gallery, images: Tensor) -> Tensor:
        def look(part: Tensor) -> Tensor:
            return self.extractors[0](part)["maps"].float()

        parts = images.split(gallery.together)
        return torch.cat([seen.cpu() for part in parts for seen in gallery.batched(look, part)])


class ColourError(AgainstTruth):
    """Mean over a map [n, R, R] of what is wrong with a picture's colours, and inside regions.
    ``std`` is of the pictures, ``floor`` the same beside the true pictures of other people.
    """

    def wrong(self, made: Tensor, truth: Tensor, regions: Mapping[str, Tensor]) -> Tensor:
        """Errors [n, R, R] of colours [n, 3, R, R]."""
        raise NotImplementedError

    def __call__(self, gallery: Gallery) -> Measure:
        pair = self.compared(gallery)
        made, truth, regions = pair.colours, pair.true_colours, pair.regions
        errors = self.wrong(made, truth, regions)
        each = errors.mean((1, 2))
        details = {name: inside(errors, mask) for name, mask in regions.items() if mask.any()}
        if len(each) > 1:
            others = {name: mask.roll(1, 0) for name, mask in regions.items()}
            floor = self.wrong(made, truth.roll(1, 0), others).mean()
            details |= {"std": float(each.std()), "floor": float(floor)}
        return Measure(float(each.mean()), self.better, len(each), details)


class TrueColours(ColourError):
    """Mean colour difference to the true picture, both smoothed by ``smooth`` pixels: what lies
    beside its true place by less is not seen as another colour.
    """

    def __init__(self, *, latents: Natural, smooth: Positive) -> None:
        super().__init__(latents=latents)
        self.smooth = smooth

    def wrong(self, made: Tensor, truth: Tensor, regions: Mapping[str, Tensor]) -> Tensor:
        del regions
        return smoothed(made - truth, self.smooth).square().sum(1).sqrt()


class Artefacts(ColourError):
    """Mean chroma (a, b) that a place has and no place of the true picture within ``reach`` pixels
    has: blotches, fringes, rainbow eyes. Each region's own mean counts as right, for that is tone
    and no blotch; detail that is missing is none either.
    """

    def __init__(self, *, latents: Natural, smooth: Positive, reach: Positive) -> None:
        super().__init__(latents=latents)
        self.smooth, self.reach = smooth, reach

    def each(self, gallery: Gallery) -> Tensor:
        """The number [n] of every picture."""
        pair = self.compared(gallery)
        return self.wrong(pair.colours, pair.true_colours, pair.regions).mean((1, 2))

    def wrong(self, made: Tensor, truth: Tensor, regions: Mapping[str, Tensor]) -> Tensor:
        made, truth = made[:, 1:], truth[:, 1:]
        for mask in regions.values():
            made = made - mask[:, None] * mean_inside(made - truth, mask)[..., None, None]
        made, truth = smoothed(made, self.smooth), smoothed(truth, self.smooth)
        reach = round(self.reach * truth.shape[-1] / SIDE)
        window: Any = {"kernel_size": 2 * reach + 1, "stride": 1, "padding": reach}
        least, most = -F.max_pool2d(-truth, **window), F.max_pool2d(truth, **window)
        return ((made - most).relu() + (least - made).relu()).square().sum(1).sqrt()


class SkinTone(AgainstTruth):
    """Mean difference of the skin's mean colour from the true one, of people whose tone (0 light,
    1 dark) lies in ``tones``. ``L``, ``a``, ``b`` are the same with sign, positive where too light,
    red, yellow; each of ``groups`` has its own, and ``ratio`` is the last one's over the first's.
    """

    def __init__(
        self,
        *,
        latents: Natural,
        tones: Annotated[Sequence[Share], Len(2, 2)],  # from, up to
        groups: Mapping[str, Sequence[Share]],  # the same, by name
    ) -> None:
        super().__init__(latents=latents)
        self.tones, self.groups = tuple(tones), {k: tuple(v) for k, v in groups.items()}

    def __call__(self, gallery: Gallery) -> Measure:
        pair = self.compared(gallery)
        skin, tone = pair.regions["skin"], pair.trait("skin_tone")
        shifts = mean_inside(pair.colours - pair.true_colours, skin)
        seen = skin.flatten(1).any(1)
        errors = shifts.square().sum(1).sqrt()

        def of(tones: Sequence[float]) -> Tensor:
            return seen & (tone >= tones[0]) & (tone <= tones[1])

        counted = of(self.tones)
        if not counted.any():
            low, high = self.tones
            raise TooFew(f"nobody among them has a skin tone from {low:g} to {high:g}")
        details = dict(zip("Lab", shifts[counted].mean(0).tolist(), strict=True))
        means = {}
        for name, tones in self.groups.items():
            if (own := of(tones) & counted).any():
                means[name] = float(errors[own].mean())
                details |= {name: means[name], f"{name}_L": float(shifts[own, 0].mean())}
        names = [*self.groups]
        if len(names) > 1 and {names[0], names[-1]} <= means.keys() and means[names[0]] > 0:
            details["ratio"] = means[names[-1]] / means[names[0]]
        return Measure(float(errors[counted].mean()), self.better, int(counted.sum()), details)


class Kept(AgainstTruth):
    """Share of people whose picture is nearer to their true one than to that of the same person
    with ``parameter`` mirrored in its range: glasses off or on, eyes that look to the other side.
    Half of it is the share of people below the middle of the range, half that of those above, so
    that 0.5 is chance. Only people whose two pictures differ by ``told`` on average where they do
    are asked; colours are compared without what varies over more than ``smooth`` pixels.
    """

    better = "higher"

    def __init__(
        self, *, latents: Natural, parameter: str, smooth: Positive, told: Positive
    ) -> None:
        super().__init__(latents=latents)
        if parameter not in parafaces.INDEX:
            raise UserError(f"People of ParaFaces have no {parameter}.")
        self.parameter, self.smooth, self.told = parameter, smooth, told

    def __call__(self, gallery: Gallery) -> Measure:
        pair = self.compared(gallery)
        truth, other = pair.true_colours, colours(pair.mirrored(self.parameter))
        changed = (other - truth).square().sum(1).sqrt()
        differs = changed > 2  # else it is not seen
        apart = (changed * differs).sum((1, 2)) / differs.sum((1, 2)).clamp(min=1)
        towards, moved = (self.fine(one - truth) for one in (other, pair.colours))
        share = (towards * moved).sum((1, 2, 3)) / towards.square().sum((1, 2, 3)).clamp(min=1e-9)
        asked = (apart >= self.told).nonzero()[:, 0]
        kept, value = (share[asked] < 0.5).double(), pair.trait(self.parameter)[asked]
        parameter = parafaces.TABLE[parafaces.INDEX[self.parameter]]
        above = value > (parameter.low + parameter.high) / 2
        sides = {"low": kept[~above], "high": kept[above]}
        if not all(map(len, sides.values())):
            raise TooFew(f"{self.parameter} is on the same side of everybody")
        shares = {name: float(side.mean()) for name, side in sides.items()}
        details = shares | {f"n_{name}": float(len(side)) for name, side in sides.items()}
        return Measure(sum(shares.values()) / 2, self.better, len(kept), details)

    def fine(self, images: Tensor) -> Tensor:
        return images - smoothed(images, self.smooth)


def named(z: Tensor) -> np.ndarray:
    """Parameters [n, P] of the people whom latents [n, Z] name, as `adapters.paired` has them."""
    sphere = F.normalize(z.double()) * z.shape[1] ** 0.5
    return parafaces.parameters_of(sphere[:, : len(parafaces.NAMES) + 1].numpy())


def colours(pixels: np.ndarray) -> Tensor:
    """CIELAB colours [n, 3, R, R] of bytes [n, R, R, 3]."""
    n, side = pixels.shape[:2]
    flat = lab(as_images(np.array(pixels))).float()
    return flat.view(n, side, side, 3).permute(0, 3, 1, 2).contiguous()


def smoothed(images: Tensor, sigma: float) -> Tensor:
    """Images [n, C, R, R] under a Gaussian of ``sigma`` pixels of `SIDE`, mirrored at the edges."""
    side, channels = images.shape[-1], images.shape[1]
    sigma = sigma * side / SIDE
    reach = min(round(3 * sigma + 0.5), side - 1)
    steps = torch.arange(-reach, reach + 1, dtype=images.dtype)
    weights = torch.exp(-steps.square() / (2 * sigma**2))
    row = (weights / weights.sum()).expand(channels, 1, 1, -1)
    padded = F.pad(images, (reach,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, row, groups=channels), row.mT, groups=channels)


def mean_inside(images: Tensor, mask: Tensor) -> Tensor:
    """Means [n, C] of images [n, C, R, R] inside masks [n, R, R]; 0 where there is no inside."""
    return (images * mask[:, None]).sum((2, 3)) / mask.sum((1, 2)).clamp(min=1)[:, None]


def inside(errors: Tensor, mask: Tensor) -> float:
    """Mean over people who have the region of their mean error [n, R, R] in it."""
    there = mask.flatten(1).any(1)
    return float(mean_inside(errors[there, None], mask[there]).mean())


def distances(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).double().square().sum(1)
