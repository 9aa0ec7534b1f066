import functools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness.alignment.ffhq import Quad, align
from tests.golden import formula
from tests.golden.cases import cut, statistics
from tests.golden.held import hold

FOLDER = Path(__file__).parent
SALT = "open/I"
PHOTOS = {"0": (260, 300), "1": (300, 240), "4": (1150, 1250)}
PLACES = {
    "0": ((150.0, 120.0), 60.0, (1.0, 0.0)),
    "1": ((90.5, 140.25), 42.0, (1.0, 0.3)),
    "2": ((200.0, 180.0), 80.0, (0.8, -0.6)),
    "3": ((60.0, 50.0), 35.0, (0.2, 1.0)),
    "4": ((620.0, 560.0), 330.0, (1.0, -0.15)),
}


@functools.cache
def stored():
    return dict(np.load(FOLDER / "I_images.npz"))


@functools.cache
def limits():
    listed = json.loads((FOLDER / "manifest.json").read_text())["cases"]
    return {case["id"]: case["keys"] for case in listed if case["id"].startswith("I.align")}


def held(case, key, found):
    limit = limits()[case][key]
    atol, rtol = limit["atol"], limit.get("rtol", 0)
    hold(f"{case}.{key}", found, stored()[f"{case}.{key}"], atol=atol, rtol=rtol, double=True)


def four(marks):
    """Eyes and corners of the mouth of 68 landmarks."""
    return np.stack([marks[36:42].mean(0), marks[42:48].mean(0), marks[48], marks[54]])


@pytest.mark.parametrize("case", PLACES)
def test_the_square_is_that_of_the_official_code(case):
    marks = formula.landmarks(SALT, f"landmarks{case}", *PLACES[case])
    held(f"I.align.quad{case}", "points", marks[[36, 39, 42, 45, 48, 54]])
    quad = Quad.of(four(marks))
    held(f"I.align.quad{case}", "quad", quad.corners)
    held(f"I.align.quad{case}", "size", np.float64(quad.size))


@pytest.mark.parametrize("case", PHOTOS)
def test_the_aligned_picture_is_that_of_the_official_code(case):
    photo = formula.image_u8(SALT, f"photo{case}", *PHOTOS[case])
    marks = np.rint(formula.landmarks(SALT, f"landmarks{case}", *PLACES[case]))
    aligned = align(Image.fromarray(photo), four(marks), 256, 256)
    held(f"I.align.image{case}", "aligned", cut(aligned, "[::6, ::6]"))
    held(f"I.align.image{case}", "aligned.stats", statistics(aligned))
