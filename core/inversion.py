"""Photo to style rows by optimisation, and a memory of what was inverted before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from core import perception
from core.generator import Generator
from core.perception import Perception

Distance = Callable[[Tensor, Tensor], Tensor]


class Guide:
    """Perceptual distance [N] by the shipped network that serves losses; read when first used."""

    def __init__(self) -> None:
        self.network: Perception | None = None

    def __call__(self, pictures: Tensor, photos: Tensor) -> Tensor:
        """Distance [N] of pictures and photos [N, 3, R, R]."""
        if self.network is None:
            self.network = perception.load("guide").eval().requires_grad_(False)
        return self.network.to(pictures.device).distance(pictures, photos)


class Projector:
    """Optimises W+ rows so that the generator shows the photo (arXiv:1904.03189).

    The start is the best of ``candidates`` random samples, so that pose and hair are right before
    the first step. The loss is ``perceptual(pictures, photos)`` plus ``pixel`` times the mean
    squared error plus ``stay`` times the mean squared distance from the average style, in units
    of the styles' spread.

    Args:
        perceptual: distance [N] of two batches of pictures [N, 3, R, R].
        steps: Adam steps.
        lr: highest learning rate; it ramps up over 5 % and down over the last 25 % of the steps.
        pixel: weight of the pixel loss.
        stay: weight of the distance from the average style.
        candidates: how many random samples are compared for the start.
        batch_size: photos optimised side by side.
        seed: of the random samples.
    """

    def __init__(
        self,
        *,
        perceptual: Distance,
        steps: int,
        lr: float,
        pixel: float,
        stay: float,
        candidates: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self.perceptual, self.steps, self.lr = perceptual, steps, lr
        self.pixel, self.stay = pixel, stay
        self.candidates, self.batch_size, self.seed = candidates, batch_size, seed

    def __call__(self, g: Generator, photos: Tensor) -> Tensor:
        """Style rows [N, L, W] of photos [N, 3, R, R]."""
        batches = photos.split(self.batch_size)
        return torch.cat([self.project(g, batch) for batch in batches])

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
    def project(self, g: Generator, photos: Tensor) -> Tensor:
        """One batch: Adam on all rows of all photos at once."""
        w, spread = self.start(g, photos)
        mean = g.mapping.w_avg
        ws = w[:, None].repeat(1, g.num_ws, 1).requires_grad_(True)
        adam = torch.optim.Adam([ws], lr=self.lr)
        for step in range(self.steps):
            t = step / self.steps
            adam.param_groups[0]["lr"] = self.lr * min(1.0, t / 0.05 + 0.05, (1 - t) / 0.25)
            pictures = g.synthesis(ws, noise_mode="const")
            near = self.perceptual(pictures, photos).sum()
            pixel = (pictures - photos).square().mean(dim=(1, 2, 3)).sum()
            away = ((ws - mean) / spread).square().mean(dim=(1, 2)).sum()
            adam.zero_grad()
            (near + self.pixel * pixel + self.stay * away).backward()
            adam.step()
        return ws.detach()


class Remembering:
    """An inverter that knows some photos' rows already.

    A photo is recognised by its thumbnail, within one grey level, because renderings of the same
    picture may differ by that much between machines.

    Args:
        invert: what inverts the others.
        codes: safetensors file with ``thumbnails [N, 192]`` and ``ws [N, L, W]``; may be absent.
    """

    def __init__(self, *, invert: Callable[[Generator, Tensor], Tensor], codes: str) -> None:
        self.invert = invert
        path = Path(codes)
        path = path if path.is_absolute() else Path(__file__).parent.parent / path
        known = load_file(path) if path.is_file() else {}
        self.thumbnails = known.get("thumbnails", torch.zeros(0, 192)).float()
        self.ws = known.get("ws", torch.zeros(0, 1, 1)).float()

    def __call__(self, g: Generator, photos: Tensor) -> Tensor:
        """Style rows [N, L, W] of photos [N, 3, R, R]."""
        rows = photos.new_empty(len(photos), g.num_ws, g.w_dim)
        seen, which = self.recognise(photos)
        rows[seen] = self.ws.to(photos)[which[seen]]
        if not seen.all():
            rows[~seen] = self.invert(g, photos[~seen])
        return rows

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


def save_codes(path: Path, photos: Tensor, ws: Tensor) -> None:
    """Write what :class:`Remembering` reads: photos [N, 3, R, R] and their rows [N, L, W]."""
    save_file({"thumbnails": thumbnails(photos).cpu(), "ws": ws.half().cpu()}, path)
