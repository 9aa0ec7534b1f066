"""What ``benchmarks.speed`` times: forwards, training steps and penalties, ours and the twin's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.harness.speed import textbook
from core.augment import Fixed
from core.losses.adversarial import logistic_d, logistic_g
from core.losses.penalties import R1, PathLength
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator, channel_table

CHANNELS_64 = {4: 128, 8: 128, 16: 128, 32: 128, 64: 64}
Step = Callable[[], object]


class Pair(NamedTuple):
    """Networks with the two ways of running them."""

    g: Generator
    d: Discriminator
    synthesis: Callable[[Tensor], Tensor]
    logits: Callable[[Tensor], Tensor]
    reals: Tensor
    autocast: Callable[[], Any]


def pair(size: tuple[int, int], ours: bool, precision: str) -> Pair:
    """The reference networks of 64 px, or config-e of 256 px."""
    resolution, batch = size
    torch.manual_seed(0)
    channels = CHANNELS_64 if resolution == 64 else channel_table(resolution, 16384, 512)
    width = 128 if resolution == 64 else 512
    g = Generator(
        z_dim=width,
        w_dim=width,
        img_resolution=resolution,
        channels=channels,
        mapping_layers=8,
    )
    d = Discriminator(img_resolution=resolution, channels=channels)
    reals = torch.rand(batch, 3, resolution, resolution) * 2 - 1

    def autocast() -> Any:
        if precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast("cpu", dtype=torch.bfloat16)

    def synthesis(ws: Tensor) -> Tensor:
        return g.synthesis(ws, "random") if ours else textbook.images(g, ws, "random")

    def logits(x: Tensor) -> Tensor:
        return d(x) if ours else textbook.logits(d, x)

    return Pair(g, d, synthesis, logits, reals, autocast)


def images(p: Pair) -> Tensor:
    """A batch of random latents as images."""
    return p.synthesis(p.g.mapping(torch.randn(len(p.reals), p.g.z_dim)))


def g_forward(p: Pair) -> Step:
    """Images without gradients."""

    def step() -> None:
        with torch.no_grad(), p.autocast():
            images(p)

    return step


def d_forward(p: Pair) -> Step:
    """Logits without gradients."""

    def step() -> None:
        with torch.no_grad(), p.autocast():
            p.logits(p.reals)

    return step


def training(p: Pair, augment: Callable[[Tensor], Tensor] = lambda x: x) -> Step:
    """One move of D and one of G with their optimisers."""
    players = [torch.optim.Adam(m.parameters(), lr=2e-3, betas=(0.0, 0.99)) for m in (p.g, p.d)]

    def step() -> None:
        p.d.requires_grad_(True)
        with p.autocast():
            with torch.no_grad():
                fakes = images(p)
            loss = logistic_d(p.logits(augment(p.reals)), p.logits(augment(fakes)))
        _move(players[1], loss)
        p.d.requires_grad_(False)
        with p.autocast():
            loss = logistic_g(p.logits(augment(images(p))))
        _move(players[0], loss)

    return step


def ada(p: Pair) -> Step:
    """The training step with every augmentation at probability 0.5."""
    return training(p, Fixed(pipeline="bgc", p=0.5, seed=0))


def r1(p: Pair) -> Step:
    """One R1 step of D; always in float32."""
    penalty = R1(gamma=1, every=16)

    def step() -> None:
        p.d.zero_grad()
        penalty(p.logits, p.reals, lambda x: x).backward()

    return step


def path_length(p: Pair) -> Step:
    """One path-length step of G on half a batch; always in float32."""
    penalty = PathLength(weight=2, every=4, decay=0.01, shrink=2)
    generator = torch.Generator().manual_seed(0)

    def step() -> None:
        p.g.zero_grad()
        ws = torch.randn(max(len(p.reals) // 2, 1), p.g.num_ws, p.g.w_dim).requires_grad_()
        penalty(p.synthesis, ws, generator).backward()

    return step


def _move(player: torch.optim.Optimizer, loss: Tensor) -> None:
    player.zero_grad()
    loss.backward()
    player.step()


STEPS: dict[str, Callable[[Pair], Step]] = {
    "G forward": g_forward,
    "D forward": d_forward,
    "training step": training,
    "step with ADA": ada,
    "R1": r1,
    "path length": path_length,
}
