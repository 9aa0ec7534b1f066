"""Photo to style rows in W or W+ (by optimisation, by an encoder, from memory), or to Z+."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
from annotated_types import Le
from safetensors.torch import load_file, save
from torch import Tensor

from core import atomic, hashing, weights
from core.adaptive_batches import side_by_side, within
from core.bounds import Count, Few, Natural, Pair, Seed, Weight
from core.errors import UserError
from core.inversion.noise_maps import ConstantNoise
from core.inversion.refinement import LatentRefinement
from core.networks import exemplars
from core.networks.encoders.compact import Compact, same_average
from core.networks.generator import Generator
from core.paths import placed
from core.types import GuideNetwork

Invert = Callable[[Generator, Tensor], Tensor]
TYPICAL = 0.8  # truncation of random samples that are compared with photos
RENDERED = 64  # samples rendered side by side, fewer above 256 px


class W:
    """One style for all layers: what random samples have (arXiv:1912.04958)."""

    def free(self, ws: Tensor) -> Tensor:
        """What is optimised, [N, L or 1, W], beginning at rows [N, L, W]."""
        return ws.mean(dim=1, keepdim=True)


class WPlus:
    """A style for every layer, which shows more pictures than W (arXiv:1904.03189)."""

    def free(self, ws: Tensor) -> Tensor:
        return ws


class Projection(NamedTuple):
    """Rows [N, L, W], and the noise maps [N, 1, r, r] that were optimised with them, by layer."""

    ws: Tensor
    noise: dict[str, Tensor]


@dataclass(kw_only=True)
class Projector:
    """Optimises styles so that the generator shows the photo (arXiv:1904.03189, arXiv:1912.04958),
    from the nearest of ``candidates`` random samples on, so that pose and hair are right before the
    first step. The loss is the perceptual distance plus ``pixel`` times the mean squared error plus
    ``prior_weight`` times the mean squared distance from the average style, in units of the styles'
    spread, as ``lr`` is, plus what the noise maps cost.
    """

    perceptual: GuideNetwork
    space: W | WPlus
    noise: ConstantNoise
    steps: Natural
    lr: Weight
    pixel: Weight
    prior_weight: Weight
    candidates: Annotated[Pair, Le(1_000_000)]
    batch_size: Count
    seed: Seed

    def __call__(self, g: Generator, photos: Tensor) -> Tensor:
        """Style rows [N, L, W] of photos [N, 3, R, R]."""
        w, spread = self.start(g, photos)

        def work(some: Tensor, starts: Tensor) -> Tensor:
            return self.project(g, some, starts, spread).ws

        return side_by_side(
            work, within(self.batch_size, photos.shape[-1], photos.device), photos, w
        )

    @torch.no_grad()
    def start(self, g: Generator, photos: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest random sample's w [N, W], and the spread [W] of w."""
        z = latents(g, self.candidates, self.seed, photos.device)
        ws = g.mapping(z, truncation_psi=TYPICAL)
        small = side_by_side(lambda part: thumbnails(g.synthesis(part)), rendered(g), ws)
        nearest = torch.cdist(thumbnails(photos), small).argmin(dim=1)
        return ws[nearest, 0], ws[:, 0].std(dim=0)

    @torch.enable_grad()
    def project(self, g: Generator, photos: Tensor, w: Tensor, spread: Tensor) -> Projection:
        """One batch, from styles w [N, W]: Adam on all photos at once."""
        with torch.no_grad():
            target = self.perceptual.embed(photos)
        # In spreads, because generators differ tenfold in the length of their styles.
        start = (w / spread)[:, None].repeat(1, g.num_ws, 1)
        free = self.space.free(start).clone().requires_grad_(True)
        maps = self.noise.maps(g.synthesis, len(photos))
        adam = torch.optim.Adam([free, *maps.values()], lr=self.lr)
        for step in range(self.steps):
            t = step / self.steps
            # Up over the first 5 %, down over the last 25 %: StyleGAN2's projector (appendix D).
            adam.param_groups[0]["lr"] = self.lr * min(1.0, t / 0.05 + 0.05, (1 - t) / 0.25)
            ws = free.expand(-1, g.num_ws, -1) * spread
            pictures = g.synthesis.trace(ws, noise=maps).image
            near = (self.perceptual.embed(pictures) - target).square().sum(1)
            pixel = (pictures - photos).square().mean(dim=(1, 2, 3))
            away = ((ws - g.mapping.w_avg) / spread).square().mean(dim=(1, 2))
            cost = near + self.pixel * pixel + self.prior_weight * away + self.noise.penalty(maps)
            adam.zero_grad()
            cost.sum().backward()
            adam.step()
            self.noise.after_step(maps)
        ws = (free.expand(-1, g.num_ws, -1) * spread).detach()
        return Projection(ws, {name: noise.detach() for name, noise in maps.items()})


class EncoderInversion:
    """A trained encoder and refinement, or ``otherwise`` where its file is not."""

    def __init__(self, *, encoder: str, refine: LatentRefinement, otherwise: Invert) -> None:
        self.encoders = read_encoders(placed(encoder))
        self.refine, self.otherwise = refine, otherwise

    def __call__(self, g: Generator, photos: Tensor) -> Tensor:
        """Style rows [N, L, W] of photos [N, 3, R, R]."""
        for encoder in self.encoders:
            return self.refine(g, photos, self.encode(encoder, g, photos), encoder.steps)
        return self.otherwise(g, photos)

    @torch.no_grad()
    def encode(self, encoder: Compact, g: Generator, photos: Tensor) -> Tensor:
        """What the encoder says alone, [N, L, W]; an encoder of another generator is refused."""
        encoder.to(photos.device).check(g)
        n = within(self.refine.batch_size, photos.shape[-1], photos.device)
        return torch.cat([encoder.styles(g, batch) for batch in photos.split(n)])


class CachedInversion:
    """An inverter that knows some photos' rows, from a file of :func:`save_codes` if there is one.
    A photo is recognised by its thumbnail, within one grey level, because renderings may differ by
    that much between machines.
    """

    def __init__(self, *, invert: Invert, codes: str) -> None:
        self.invert = invert
        path = placed(codes)
        known = load_file(path) if path.is_file() else {}
        self.thumbnails = known.get("thumbnails", torch.zeros(0, 192)).float()
        self.ws = known.get("ws", torch.zeros(0, 1, 1)).float()
        self.average = known.get("average", torch.zeros(0)).float()

    def __call__(self, g: Generator, photos: Tensor) -> Tensor:
        """Style rows [N, L, W] of photos [N, 3, R, R]."""
        if len(self.average) and not same_average(self.average, g):  # older files do not say
            raise UserError(
                "The remembered styles are of another generator; "
                "`python -m benchmarks.assets codes source=NAME` makes them anew."
            )
        rows = photos.new_empty(len(photos), g.num_ws, g.w_dim)
        known, which = self._recognised(photos)
        rows[known] = self.ws.to(photos)[which[known]]
        if not known.all():
            rows[~known] = self.invert(g, photos[~known])
        return rows

    def _recognised(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Which photos [N] are known, and as which entry [N]."""
        if not len(self.thumbnails):
            return torch.zeros(len(photos), dtype=torch.bool), torch.zeros(len(photos)).long()
        gaps = torch.cdist(thumbnails(photos).cpu(), self.thumbnails, p=float("inf"))
        nearest = gaps.min(dim=1)
        return nearest.values < 1.01 / 127.5, nearest.indices  # a grey level, and rounding


class ZPlus:
    """Pictures to codes of Z+: by a ``CompactZPlus``'s file, else by the nearest random sample."""

    def __init__(self, *, encoder: str, candidates: Few, seed: Seed) -> None:
        path = placed(encoder)
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
        small = side_by_side(
            lambda part: thumbnails(g.synthesis(g.mapping(part, TYPICAL))), rendered(g), z
        )
        nearest = torch.cdist(thumbnails(pictures), small).argmin(dim=1)
        return z[nearest][:, None].repeat(1, g.num_ws, 1)


def rendered(g: Generator) -> int:
    """How many samples are rendered side by side, which is never differentiated."""
    return within(RENDERED, g.img_resolution, g.mapping.w_avg.device)


def latents(g: Generator, count: int, seed: int, device: torch.device) -> Tensor:
    """Latents [count, Z], drawn on the CPU: the same on every device."""
    return torch.randn(count, g.z_dim, generator=torch.Generator().manual_seed(seed)).to(device)


def read_encoders(path: Path) -> list[Compact]:
    """The frozen encoders of a file; none where there is no file."""
    networks = weights.read(path)[0].values() if path.is_file() else ()
    return [encoder.eval().requires_grad_(False) for encoder in networks]


def thumbnails(photos: Tensor) -> Tensor:
    """Pictures [N, 3, R, R] as 8 px averages [N, 192]."""
    return exemplars.thumbnails(photos).flatten(1)


def save_codes(path: Path, photos: Tensor, ws: Tensor, g: Generator) -> None:
    """Write what :class:`CachedInversion` reads: photos [N, 3, R, R] and their rows [N, L, W]."""
    known = {"thumbnails": thumbnails(photos), "ws": ws.half(), "average": g.mapping.w_avg}
    tensors = {name: value.detach().cpu().contiguous() for name, value in known.items()}
    atomic.write(path, save(tensors))
