"""Published checkpoints (``conf/weights.yaml``) as sources."""

from benchmarks.harness.io import external_weights
from core.bounds import Box, Count, Seed
from core.source import WHOLE, Invert, Source, load


def published_source(
    *,
    name: str,
    weights: str,  # its name in the list
    sha256: str,
    resolution: Count,
    invert: Invert,
    licence: str,
    discriminator: str,
    seed: Seed,
    box: Box = WHOLE,
) -> Source:
    """The source of an optional file; where that is not there, it is said how it is had."""
    path = external_weights.require(weights)
    return load(
        name=name,
        weights=str(path),
        sha256=sha256 or external_weights.entry(weights).sha256 or "",
        resolution=resolution,
        invert=invert,
        licence=licence,
        discriminator=discriminator,
        seed=seed,
        box=box,
    )
