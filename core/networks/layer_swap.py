"""Layer swapping: the low resolutions of one generator below the high ones of another. Structure
lives in the low ones and texture in the high ones, so a source's picture can keep its structure in
a new style. One must be trained from the other, or their features mean different things.
Papers: "Resolution dependent GAN interpolation" (Pinkney and Adler, arXiv:2010.05334) for
:func:`by_weights`; "Fine-tuning StyleGAN2 for cartoon face generation" (arXiv:2106.12445), which
means the same and whose public code does :func:`by_features`. Styles are made by the mapping
network of the low generator, as the public code does, because structure follows them.
"""

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from core.bounds import Natural
from core.errors import UserError
from core.networks.generator import Generator, Synthesis, Trace

Swap = Callable[[Generator, Generator], Generator]


def by_weights(low: Generator, high: Generator, *, resolution: Natural) -> Generator:
    """A copy of ``high`` whose blocks up to ``resolution`` px (0: none) and mapping network are
    ``low``'s. Raises `UserError` where the generators are of different architecture, or have no
    such resolution.
    """
    out = _with_mapping(low, high, resolution)
    for r in out.synthesis.resolutions:
        if r <= resolution:
            block: nn.Module = getattr(low.synthesis, f"b{r}")
            getattr(out.synthesis, f"b{r}").load_state_dict(block.state_dict())
    return out


def by_features(low: Generator, high: Generator, *, resolution: Natural) -> Generator:
    """The same of features at ``resolution`` px alone; the colours below are ``high``'s own."""
    out = _with_mapping(low, high, resolution)
    if resolution:
        pair = TwoSyntheses(copy.deepcopy(low.synthesis), out.synthesis, resolution)
        out.synthesis = pair  # type: ignore[assignment]
    return out


class TwoSyntheses(nn.Module):
    """A synthesis network whose features at one resolution are made by another."""

    def __init__(self, low: Synthesis, high: Synthesis, resolution: int) -> None:
        super().__init__()
        self.low, self.high, self.resolution = low, high, resolution
        self.resolutions, self.num_ws, self.w_dim = high.resolutions, high.num_ws, high.w_dim

    def forward(
        self, ws: Tensor, noise_mode: str = "const", generator: torch.Generator | None = None
    ) -> Tensor:
        return self.trace(ws, noise_mode, generator=generator).image

    def trace(
        self,
        ws: Tensor,
        noise_mode: str = "const",
        noise: Mapping[str, Tensor] | None = None,
        generator: torch.Generator | None = None,
    ) -> Trace:
        """What the upper network computes from the lower one's features."""
        below = self.low.trace(ws, noise_mode, noise, generator, until=self.resolution)
        replaced = {self.resolution: below.features[self.resolution]}
        return self.high.trace(ws, noise_mode, noise, generator, replaced=replaced)


def _with_mapping(low: Generator, high: Generator, resolution: int) -> Generator:
    other = ", ".join(key for key, value in high.config.items() if low.config.get(key) != value)
    if other:
        raise UserError(f"Layers of two generators that differ in {other} cannot be swapped.")
    if resolution and resolution not in high.synthesis.resolutions:
        known = ", ".join(str(r) for r in high.synthesis.resolutions)
        raise UserError(f"swap.resolution={resolution} is no resolution of the generator: {known}.")
    out = copy.deepcopy(high)
    if resolution:
        out.mapping.load_state_dict(low.mapping.state_dict())
    return out


def install(swapped: Generator, into: Generator) -> None:
    """Let ``into``, wherever it is held, compute what ``swapped`` computes."""
    into.mapping, into.synthesis = swapped.mapping, swapped.synthesis
