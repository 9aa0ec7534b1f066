"""The domains: how each deforms the parameters and how it draws the G-buffer.

A style is two functions. ``deform`` maps parameters to parameters before anything is marched, so
that landmarks, labels and depth of the picture are exact truth in every domain; ``draw`` colours
the samples.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.parafaces.parameters import Array
from benchmarks.parafaces.shading import photograph
from benchmarks.parafaces.styles import caricature, clay, disney, metfaces, popart, sketch, webtoon
from benchmarks.parafaces.styles.deform import unchanged


class DomainStyle(NamedTuple):
    """How a domain differs from the photographs."""

    deform: Callable[[Array], Array]
    draw: Callable[..., Any]


STYLES = {
    "photo": DomainStyle(unchanged, photograph),
    "webtoon": DomainStyle(webtoon.deform, webtoon.draw),
    "sketch": DomainStyle(sketch.deform, sketch.draw),
    "metfaces": DomainStyle(metfaces.deform, metfaces.draw),
    "disney": DomainStyle(disney.deform, disney.draw),
    "caricature": DomainStyle(caricature.deform, caricature.draw),
    "clay": DomainStyle(clay.deform, clay.draw),
    "popart": DomainStyle(popart.deform, popart.draw),
}
DOMAINS = tuple(STYLES)
