"""ParaFaces: parametric heads, ray-marched, in several styles, with their truth.
What it is and may be used for stands in README.md. It knows no network: benchmarks read pictures
and truth from here, and nothing here reads from them. People are integers; the ranges below never
meet, so that nobody who is trained on is tested on.
"""

from benchmarks.parafaces.cache import RENDER_VERSION, Who, cached
from benchmarks.parafaces.paint import SEGMENTS
from benchmarks.parafaces.parameters import (
    BLOCKS,
    INDEX,
    NAMES,
    TABLE,
    normals,
    parameters,
    parameters_of,
)
from benchmarks.parafaces.picture import ParaFacesError, Rendering, landmarks, render
from benchmarks.parafaces.styles import DOMAINS, STYLES
from benchmarks.parafaces.truth import LANDMARKS

EACH = 10_000_000  # people of a set
SETS = ("train", "perception", "shots", "reference", "test", "validation")
PEOPLE = {name: range(EACH * i, EACH * (i + 1)) for i, name in enumerate(SETS)}

__all__ = [
    "BLOCKS", "DOMAINS", "INDEX", "LANDMARKS", "NAMES", "PEOPLE", "RENDER_VERSION", "SEGMENTS",
    "STYLES", "TABLE", "ParaFacesError", "Rendering", "Who", "cached", "landmarks", "normals",
    "parameters", "parameters_of", "render",
]  # fmt: skip
