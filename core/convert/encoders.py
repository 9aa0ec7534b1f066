"""Names of pixel2style2pixel's, encoder4editing's and ``model_ir_se50.pth``'s networks: ours.

The first two have the same names and shapes, so that only the user knows which it is; their files
have them behind ``encoder.`` (pSp: models/psp.py, models/encoders/psp_encoders.py).
"""

from __future__ import annotations

from typing import Any

from core.convert.format import CheckpointError, Format, Shapes, greatest, own_names, shape_of
from core.networks.encoders.ir_se import IRSE50
from core.networks.encoders.psp import WIDTH, Encoder4Editing, GradualStyleEncoder


def _pyramid(shapes: Shapes) -> dict[str, Any]:
    if "styles.0.linear.weight" not in shapes and "encoder.styles.0.linear.weight" in shapes:
        raise CheckpointError(
            "The names begin with 'encoder.': give the encoder's part, without this prefix."
        )
    w_dim, width = shape_of(shapes, "styles.0.linear.weight", 2)
    if width != WIDTH:
        raise CheckpointError(
            f"The architecture cannot be read: entry 'styles.0.linear.weight' has width {width}."
        )
    rows = greatest(shapes, r"styles\.(\d+)\.") + 1
    for row in range(rows):
        shape_of(shapes, f"styles.{row}.linear.weight", 2)
    return {
        "rows": rows,
        "w_dim": w_dim,
        "input_channels": shape_of(shapes, "input_layer.0.weight", 4)[1],
    }


def _ir_se50(shapes: Shapes) -> dict[str, Any]:
    shape_of(shapes, "input_layer.0.weight", 4)
    return {}


def _batch_counter(name: str) -> bool:
    return name.endswith("num_batches_tracked")


PSP = Format(GradualStyleEncoder, _pyramid, own_names(GradualStyleEncoder), optional=_batch_counter)
E4E = Format(Encoder4Editing, _pyramid, own_names(Encoder4Editing), optional=_batch_counter)
IR_SE50 = Format(IRSE50, _ir_se50, own_names(IRSE50), optional=_batch_counter)
