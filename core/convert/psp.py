"""Names of pixel2style2pixel's encoder, which are ours; a file has them behind ``encoder.``."""

from __future__ import annotations

from typing import Any

from core.convert.format import CheckpointError, Format, Shapes, greatest, shape_of
from core.convert.ir_se50 import counter, no_filters, own_names
from core.networks.encoders.psp import WIDTH, GradualStyleEncoder


def architecture(shapes: Shapes) -> dict[str, Any]:
    """Rows, style width and input channels, read off the shapes."""
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


PSP = Format(
    GradualStyleEncoder, architecture, own_names(GradualStyleEncoder), no_filters, optional=counter
)
