"""What the layers of a network give on the way."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn


@contextmanager
def record_activations(network: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """What some layers of a network give, by name, in the order in which they give it, filled
    during a pass. Those of a generator's synthesis are named as in its ``noise_names``: b4.conv1,
    b8.conv0, ...
    """
    outputs: dict[str, Tensor] = {}

    def keep(name: str, layer: nn.Module, inputs: Any, output: Tensor) -> None:
        outputs[name] = output

    handles = [network.get_submodule(n).register_forward_hook(partial(keep, n)) for n in layers]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
