"""Photo to style rows: by optimisation, by an encoder, or from memory.

Optimisation goes into W (one style for all layers) or W+ (one for each), with or without noise
maps as further variables. An encoder answers in one forward pass and is refined in few steps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from core import atomic, weights
from core.errors import UserError
from core.inversion.noise_maps import Noise
from core.inversion.refinement import LatentRefinement, Perceptual
from core.networks.encoders.compact import Compact, same_average
from core.networks.generator import Generator
from core.paths import ROOT

Invert = Callable[[Generator, Tensor], Tensor]


class Space(Protocol):
    """Where styles are looked for."""

    def free(self, ws: Tensor) -> Tensor:
        """What is optimised, [N, L or 1, W], beginning at rows [N, L, W]."""

    def rows(self, free: Tensor, count: int) -> Tensor:
        """Rows [N, L, W] of what is optimised."""


class W:
    """One style for all layers: what random samples have (arXiv:1912.04958)."""

    def free(self, ws: Tensor) -> Tensor:
        """The mean row [N, 1, W]."""
        return ws.mean(dim=1, keepdim=True)

    def rows(self, free: Tensor, count: int) -> Tensor:
        """The style, repeated."""
        return free.expand(-1, count, -1)


class WPlus:
    """A style for every layer, which shows more pictures than W (arXiv:1904.03189)."""

    def free(self, ws: Tensor) -> Tensor:
        """All rows."""
        return ws

    def rows(self, free: Tensor, count: int) -> Tensor:
        """Themselves."""
        return free


class Projection(NamedTuple):
    """Rows [N, L, W], and the noise maps [N, 1, r, r] that were optimised with them, by layer."""

    ws: Tensor
    noise: dict[str, Tensor]


class Projector:
    """Optimises styles so that the generator shows the photo (arXiv:1904.03189, arXiv:1912.04958).

    The start is the nearest of ``candidates`` random samples, so that pose and hair are right
    before the first step. The loss is the perceptual distance plus ``pixel`` times the mean squared
    error plus ``stay`` times the mean squared distance from the average style, in units of the
    styles' spread, plus what the noise maps cost.

    Args:
        perceptual: embeds pictures; squared distances are perceptual.
        space: :class:`W` or :class:`WPlus`.
        noise: ``core.inversion.noise_maps.ConstantNoise`` or ``RegularisedNoise``.
        steps: Adam steps.
        lr: highest learning rate, in spreads; it ramps up over 5 % of the steps and down over the
            last 25 %.
        pixel: weight of the pixel loss.
        prior_weight: weight of the distance from the average style.
        candidates: how many random samples are compared for the start.
        batch_size: photos optimised side by side.
        seed: of the random samples.
    """

    def __init__(
        self,
        *,
        perceptual: Perceptual,
        space: Space,
        noise: Noise,
        steps: int,
        lr: float,
        pixel: float,
        prior_weight: float,
        candidates: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self.perceptual, self.space, self.noise = perceptual, space, noise
        self.steps, self.lr = steps, lr
        self.pixel, self.prior_weight = pixel, prior_weight
        self.candidates, self.batch_size, self.seed = candidates, batch_size, seed

    def __call__(self, g: Generator, photos: Tensor) -> Tensor:
        """Style rows [N, L, W] of photos [N, 3, R, R]."""
        w, spread = self.start(g, photos)
        batches = zip(photos.split(self.batch_size), w.split(self.batch_size), strict=True)
        return torch.cat([self.project(g, photo, start, spread).ws for photo, start in batches])

    @torch.no_grad()
    def start(self, g: Generator, photos: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest random sample's w [N, W], and the spread [W] of w."""
        rng = torch.Generator().manual_seed(self.seed)
        z = torch.randn(self.candidates, g.z_dim, generator=rng).to(photos.device)
        ws = g.mapping(z, truncation_psi=0.8)
        small = torch.cat([thumbnails(g.synthesis(chunk)) for chunk in ws.split(64)])
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
            adam.param_groups[0]["lr"] = self.lr * min(1.0, t / 0.05 + 0.05, (1 - t) / 0.25)
            ws = self.space.rows(free, g.num_ws) * spread
            pictures = g.synthesis.trace(ws, noise=maps).image
            near = (self.perceptual.embed(pictures) - target).square().sum(1)
            pixel = (pictures - photos).square().mean(dim=(1, 2, 3))
            away = ((ws - g.mapping.w_avg) / spread).square().mean(dim=(1, 2))
            cost = near + self.pixel * pixel + self.prior_weight * away + self.noise.penalty(maps)
            adam.zero_grad()
            cost.sum().backward()
            adam.step()
            self.noise.after_step(maps)
        ws = (self.space.rows(free, g.num_ws) * spread).detach()
        return Projection(ws, {name: noise.detach() for name, noise in maps.items()})


class EncoderInversion:
    """One forward pass of a trained encoder, then refinement.

    Args:
        encoder: file that ``benchmarks.assets encoder`` wrote; without it ``otherwise`` inverts.
        refine: improves the encoder's rows; with no steps it leaves them.
        otherwise: for sources without an encoder.
    """

    def __init__(self, *, encoder: str, refine: LatentRefinement, otherwise: Invert) -> None:
        path = ROOT / encoder
        found = weights.read(path)[0].values() if path.is_file() else ()
        self.encoders = [cast(Compact, e.eval().requires_grad_(False)) for e in found]
        self.refine, self.otherwise = refine, otherwise

    def __call__(self, g: Generator, photos: Tensor) -> Tensor:
        """Style rows [N, L, W] of photos [N, 3, R, R]."""
        for encoder in self.encoders:
            ws = self.encode(encoder, g, photos)
            return self.refine(g, photos, ws, encoder.steps)
        return self.otherwise(g, photos)

    @torch.no_grad()
    def encode(self, encoder: Compact, g: Generator, photos: Tensor) -> Tensor:
        """What the encoder says alone, [N, L, W]; an encoder of another generator is refused."""
        encoder.to(photos.device).check(g)
        batches = photos.split(self.refine.batch_size)
        return torch.cat([encoder.styles(g, batch) for batch in batches])


class CachedInversion:
    """An inverter that knows some photos' rows already.

    A photo is recognised by its thumbnail, within one grey level, because renderings of the same
    picture may differ by that much between machines. Rows of another generator are refused.

    Args:
        invert: what inverts the others.
        codes: file of :func:`save_codes`; may be absent.
    """

    def __init__(self, *, invert: Invert, codes: str) -> None:
        self.invert = invert
        path = ROOT / codes
        known = load_file(path) if path.is_file() else {}
        self.thumbnails = known.get("thumbnails", torch.zeros(0, 192)).float()
        self.ws = known.get("ws", torch.zeros(0, 1, 1)).float()
        self.average = known.get("average", torch.zeros(0)).float()

    def __call__(self, g: Generator, photos: Tensor) -> Tensor:
        """Style rows [N, L, W] of photos [N, 3, R, R]."""
        self.check(g)
        rows = photos.new_empty(len(photos), g.num_ws, g.w_dim)
        seen, which = self.recognise(photos)
        rows[seen] = self.ws.to(photos)[which[seen]]
        if not seen.all():
            rows[~seen] = self.invert(g, photos[~seen])
        return rows

    def check(self, g: Generator) -> None:
        """Refuse a generator other than the one that the rows are of; older files do not say."""
        if len(self.average) and not same_average(self.average, g):
            raise UserError(
                "The remembered styles are of another generator; "
                "`python -m benchmarks.assets codes source=NAME` makes them anew."
            )

    def recognise(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Which photos [N] are known, and as which entry [N]."""
        if not len(self.thumbnails):
            return torch.zeros(len(photos), dtype=torch.bool), torch.zeros(len(photos)).long()
        gaps = torch.cdist(thumbnails(photos).cpu(), self.thumbnails, p=float("inf"))
        nearest = gaps.min(dim=1)
        return nearest.values < 1.01 / 127.5, nearest.indices


def thumbnails(photos: Tensor) -> Tensor:
    """Pictures [N, 3, R, R] as 8 px averages [N, 192]."""
    return torch.nn.functional.adaptive_avg_pool2d(photos, 8).flatten(1)


def save_codes(path: Path, photos: Tensor, ws: Tensor, g: Generator) -> None:
    """Write what :class:`CachedInversion` reads: photos [N, 3, R, R] and their rows [N, L, W]."""
    known = {"thumbnails": thumbnails(photos), "ws": ws.half(), "average": g.mapping.w_avg}
    tensors = {name: value.detach().cpu().contiguous() for name, value in known.items()}
    atomic.write(path, save(tensors))
