"""A generator whose convolutions have a gain for every channel, as the batch statistics that BSA
adapts (arXiv:1904.01774). No weight can hold it: the demodulation of its own layer divides by the
norm of a weight, and that of the next by the norm of what it multiplies its input by.
"""

from typing import Any

import torch
from torch import Tensor, nn

from core.networks.generator import Generator
from core.networks.layers import SynthesisLayer
from core.networks.registry import network


class GainedLayer(SynthesisLayer):
    """A modulated convolution whose channels [O] are multiplied after they are demodulated."""

    def __init__(self, in_channels: int, out_channels: int, **same: Any) -> None:
        super().__init__(in_channels, out_channels, **same)
        self.gain = nn.Parameter(torch.ones(out_channels))

    def demodulation(self, styles: Tensor, weight: Tensor) -> Tensor:
        scale = super().demodulation(styles, weight)
        return scale * self.gain.to(scale.dtype)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Of a layer without gains, the gains are ones."""
        state.setdefault(f"{prefix}gain", torch.ones_like(self.gain))
        super()._load_from_state_dict(state, prefix, *rest)


@network
class GainedGenerator(Generator):
    """A generator with such layers; it takes the state of one without."""

    layer = GainedLayer

    def gains(self) -> list[nn.Parameter]:
        """Gains [O] by layer, 4 px first."""
        return [m.gain for m in self.modules() if isinstance(m, GainedLayer)]

    def biases(self) -> list[nn.Parameter]:
        """What the same layers add to their channels [O]."""
        return [m.bias for m in self.modules() if isinstance(m, GainedLayer)]
