"""Names of the published IR-SE50 (``model_ir_se50.pth``), which are ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from core.convert.format import Format, Network, Shapes, Table, shape_of
from core.networks.encoders.ir_se import IRSE50


def counter(name: str) -> bool:
    """Whether an entry only counts the batches that a normalisation was trained on."""
    return name.endswith("num_batches_tracked")


def own_names(network: type[Network]) -> Callable[[dict[str, Any]], Table]:
    """The table of a format whose names are ours."""

    def names(config: dict[str, Any]) -> Table:
        with torch.device("meta"):
            return {name: name for name in network(**config).state_dict()}

    return names


def no_filters(config: dict[str, Any]) -> dict[str, float]:
    """Nothing here is resampled."""
    return {}


def _ir_se50(shapes: Shapes) -> dict[str, Any]:
    shape_of(shapes, "input_layer.0.weight", 4)
    return {}


IR_SE50 = Format(IRSE50, _ir_se50, own_names(IRSE50), no_filters, optional=counter)
