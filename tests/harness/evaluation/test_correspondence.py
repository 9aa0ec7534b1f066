"""Errors of landmarks in closed form: in pixels of 64 whatever was rendered."""

from types import SimpleNamespace

import pytest
import torch

from benchmarks.harness.evaluation import metrics

READER = SimpleNamespace(name="any")


def moved(places, x, y):
    return places + torch.tensor([x, y])


@pytest.mark.parametrize("resolution", [16, 64, 256])
def test_landmarks_are_measured_in_pixels_of_64_whatever_was_rendered(resolution):
    """The domain moves them by 3 to the right; the fakes are 4 further down."""
    unit = resolution / 64
    photo, source = torch.rand(2, 40, 5, 2, generator=torch.Generator().manual_seed(0)) * resolution
    pairs = (photo.numpy(), moved(photo, 3 * unit, 0).numpy())
    streams = {
        "fakes": moved(source, 3 * unit, 4 * unit),
        "sources": source,
        "others": moved(source, 0, 8 * unit),
    }
    shown = SimpleNamespace(
        domain=SimpleNamespace(resolution=resolution, landmark_pairs=lambda: pairs),
        features=lambda stream, extractor, head: streams[stream],
    )
    found = metrics.Landmarks(READER, ridge=1.0)(shown)
    expected = {"median": 4, "unmapped": 5, "map_residual": 0, "map_moves": 3, "pairs": 40}
    assert found.value == pytest.approx(4, abs=1e-4)
    assert {key: found.details[key] for key in expected} == pytest.approx(expected, abs=1e-4)
    assert found.details["floor"] == pytest.approx(4, abs=1e-4)


@pytest.mark.parametrize("resolution", [16, 64, 256])
def test_a_translations_landmarks_are_measured_in_pixels_of_64_too(resolution):
    unit = resolution / 64
    exact = torch.rand(6, 5, 2, generator=torch.Generator().manual_seed(0)) * resolution
    streams = {
        "landmarks": {
            "stylised": moved(exact, 3 * unit, 4 * unit),
            "translated": moved(exact, unit, 0),
        },
        "maps": dict.fromkeys(("stylised", "translated", "photos"), torch.eye(6)),
        "identity": dict.fromkeys(("stylised", "translated"), torch.eye(6)),
    }
    shown = SimpleNamespace(
        domain=SimpleNamespace(resolution=resolution, translation_landmarks=exact.numpy),
        has=lambda fact: fact == "translation_landmarks",
        features=lambda stream, extractor, head: streams[head][stream],
    )
    found = metrics.Translation(READER, reader=READER)(shown)
    assert found.details["landmarks"] == pytest.approx(5, rel=1e-5)
    assert found.details["landmarks_of_truth"] == pytest.approx(1, rel=1e-5)
    assert (found.value, found.details["photo"], found.details["identity"]) == (0, 0, 1)
    assert found.details["floor"] == 2  # of two different unit vectors
