"""The domains: how each deforms the parameters and how it draws the G-buffer.
A style is two functions. ``deform`` maps parameters to parameters before anything is marched, by
the numbers in deform.yaml, so that landmarks, labels and depth of the picture are exact truth in
every domain; ``draw`` colours the samples.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.parafaces.shading import photograph
from benchmarks.parafaces.styles import caricature, clay, disney, metfaces, popart, sketch, webtoon
from benchmarks.parafaces.styles.deform import Deformation, deformation


class DomainStyle(NamedTuple):
    """How a domain differs from the photographs."""

    deform: Deformation
    draw: Callable[..., Any]


DRAWN = {
    "photo": photograph,
    "webtoon": webtoon.draw,
    "sketch": sketch.draw,
    "metfaces": metfaces.draw,
    "disney": disney.draw,
    "caricature": caricature.draw,
    "clay": clay.draw,
    "popart": popart.draw,
}
STYLES = {name: DomainStyle(deformation(name), draw) for name, draw in DRAWN.items()}
DOMAINS = tuple(STYLES)
