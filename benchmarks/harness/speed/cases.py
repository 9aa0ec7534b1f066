"""What ``benchmarks.speed`` times: forwards, training steps and penalties, ours and the twins'."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.harness.speed import OURS
from benchmarks.harness.speed.official import Nvidia, Rosinality
from benchmarks.harness.speed.textbook import Textbook
from core.augment import Fixed
from core.losses.adversarial import logistic_d, logistic_g
from core.losses.penalties import R1, PathLength
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator, channel_table

CHANNELS_64 = {4: 128, 8: 128, 16: 128, 32: 128, 64: 64}  # of the shipped source
CPU = torch.device("cpu")
TWINS: dict[str, Textbook] = {
    "nvidia": Nvidia(), "rosinality": Rosinality(), "textbook": Textbook(),
}  # fmt: skip
Step = Callable[[], object]
Size = tuple[int, int]  # pixels, images in a batch
Channels = dict[int, int]


class Workload(NamedTuple):
    """Networks and a batch of reals, and how the networks are run: ours, or as a twin's."""

    g: Generator
    d: Discriminator
    synthesis: Callable[[Tensor], Tensor]
    logits: Callable[[Tensor], Tensor]
    reals: Tensor
    autocast: Callable[[], Any]

    def images(self) -> Tensor:
        """A batch of random latents as images."""
        z = torch.randn(len(self.reals), self.g.z_dim, device=self.reals.device)
        return self.synthesis(self.g.mapping(z))


def reference_workload(size: Size, formulation: str, precision: str) -> Workload:
    """The reference networks of 64 px, or config-e of 256 px, on the CPU, in a formulation."""
    small = size[0] == 64
    channels = CHANNELS_64 if small else channel_table(size[0], 16384, 512)  # arXiv:1912.04958
    load = workload(size, channels, 128 if small else 512, precision, CPU)
    return load if formulation == OURS else twinned(load, TWINS[formulation])


def twinned(load: Workload, twin: Textbook) -> Workload:
    """The same networks in another formulation."""
    return load._replace(
        synthesis=lambda ws: twin.images(load.g, ws, "random"),
        logits=lambda x: twin.logits(load.d, x),
    )


def workload(
    size: Size, channels: Channels, width: int, precision: str, device: torch.device
) -> Workload:
    """Networks of a size from one seed; ``width`` is of z and w, bf16 means mixed precision."""
    resolution, batch = size
    torch.manual_seed(0)
    shape: dict[str, Any] = {"img_resolution": resolution, "channels": channels}
    g = Generator(z_dim=width, w_dim=width, mapping_layers=8, **shape).to(device)
    d = Discriminator(**shape).to(device)
    reals = torch.rand(batch, 3, resolution, resolution, device=device) * 2 - 1

    def autocast() -> Any:
        return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")

    return Workload(g, d, lambda ws: g.synthesis(ws, "random"), d, reals, autocast)


def forward(load: Workload, run: Callable[[], Tensor]) -> Step:
    """What comes out of a network that shows pictures, without gradients."""
    load.g.eval()

    def step() -> None:
        with torch.no_grad(), load.autocast():
            run()

    return step


def training(load: Workload, augment: Callable[[Tensor], Tensor] = lambda x: x) -> Step:
    """One step of D and one of G with their optimisers."""
    g, d = (torch.optim.Adam(m.parameters(), lr=2e-3, betas=(0.0, 0.99)) for m in (load.g, load.d))

    def step() -> None:
        load.d.requires_grad_(True)
        with load.autocast():
            with torch.no_grad():
                fakes = load.images()
            loss = logistic_d(load.logits(augment(load.reals)), load.logits(augment(fakes)))
        _optimise(d, loss)
        load.d.requires_grad_(False)
        with load.autocast():
            loss = logistic_g(load.logits(augment(load.images())))
        _optimise(g, loss)

    return step


def _optimise(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def r1(load: Workload) -> Step:
    penalty = R1(gamma=1, every=16)

    def step() -> None:
        load.d.zero_grad()
        penalty(load.logits, load.reals, lambda x: x).backward()

    return step


def path_length(load: Workload) -> Step:
    """One path-length step of G on half a batch; always in float32."""
    penalty = PathLength(weight=2, every=4, decay=0.01, shrink=2)  # as in arXiv:1912.04958
    generator = torch.Generator().manual_seed(0)

    def step() -> None:
        load.g.zero_grad()
        ws = torch.randn(max(len(load.reals) // 2, 1), load.g.num_ws, load.g.w_dim).requires_grad_()
        penalty(load.synthesis, ws, generator).backward()

    return step


STEPS: dict[str, Callable[[Workload], Step]] = {
    "G forward": lambda load: forward(load, load.images),
    "D forward": lambda load: forward(load, lambda: load.logits(load.reals)),
    "training step": training,
    "step with ADA": lambda load: training(load, Fixed(pipeline="bgc", p=0.5, seed=0)),
    "R1": r1,
    "path length": path_length,
}
"""Makers of the steps that are timed, one for each of CASES; ADA with every augmentation."""


def clocked(step: Step, repeats: int, warm_up: int) -> list[float]:
    """CPU seconds of each repeat after some that are not counted; other load adds less to them."""
    for _ in range(warm_up):
        step()
    seconds = []
    for _ in range(repeats):
        begun = time.process_time()
        step()
        seconds.append(time.process_time() - begun)
    return seconds
