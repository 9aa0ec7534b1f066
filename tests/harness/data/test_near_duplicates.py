"""The same picture saved again is found, a different one is not."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from benchmarks.harness.data.near_duplicates import THRESHOLD, between, thumbnails, within
from tests.helpers.scenes import recompressed, scene


def stack(*images):
    return np.stack([np.asarray(image) for image in images])


SPOILED = {
    "recompressed": recompressed,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_picture_saved_again_is_found_and_only_it(kind):
    scenes = [scene(i) for i in range(20)]
    again = SPOILED[kind](scenes[7])
    pairs = between(thumbnails(stack(again)), thumbnails(stack(*scenes)))
    assert [pair.second for pair in pairs] == [7]
    assert pairs[0].correlation >= THRESHOLD
    assert pairs[0].mirrored == (kind == "mirrored")


def test_pairs_of_a_set_are_told_once():
    scenes = [scene(i) for i in range(6)]
    pairs = within(thumbnails(stack(*scenes, scenes[2], recompressed(scenes[4]))))
    assert [(pair.first, pair.second) for pair in pairs] == [(2, 6), (4, 7)]
    assert pairs[0].correlation == pytest.approx(1, abs=1e-5)


def test_different_pictures_are_no_pair():
    assert within(thumbnails(stack(*(scene(i) for i in range(40))))) == []


def test_flat_pictures_are_not_compared():
    flat = np.full((3, 64, 64, 3), 90, np.uint8)
    assert not thumbnails(flat).any()
    assert within(thumbnails(flat)) == []


@pytest.mark.parametrize("side", [8, 16, 32, 256])
def test_thumbnails_are_unit_vectors_at_every_resolution(side):
    pixels = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    thumbs = thumbnails(pixels)
    assert thumbs.shape == (2, min(side, 32) ** 2)
    assert np.linalg.norm(thumbs, axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_nothing_is_like_nothing():
    none = thumbnails(np.empty((0, 64, 64, 3), np.uint8))
    assert within(none) == between(none, thumbnails(stack(scene(0)))) == []
