"""ParaFaces: the same bytes every time, exact pairs across domains, and the cache."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import parafaces as pf
from benchmarks.parafaces import cache
from benchmarks.parafaces.cache import cache_key
from benchmarks.parafaces.styles.deform import affine, exaggerated
from core.paths import ROOT


def people(n: int) -> np.ndarray:
    return pf.parameters(np.arange(n), np.zeros(n, int))


def same(one: pf.Rendering, other: pf.Rendering) -> bool:
    return all(
        np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )


@pytest.mark.parametrize("domain", pf.DOMAINS)
def test_pictures_are_the_same_bytes_twice_and_with_two_workers(domain: str) -> None:
    params = people(66)[::13]
    once = pf.render(params, domain, 32, workers=1)
    assert same(once, pf.render(params, domain, 32, workers=2))
    alone = pf.render(params[2:3], domain, 32)
    assert np.array_equal(alone.images[0], once.images[2])
    assert once.images.std() > 20  # something is drawn


def test_many_pictures_are_the_same_with_any_number_of_workers() -> None:
    params = people(130)  # more than one portion
    assert same(
        pf.render(params, "webtoon", 32, supersample=1, workers=1),
        pf.render(params, "webtoon", 32, supersample=1, workers=3),
    )


@pytest.mark.parametrize("domain", ["photo", "webtoon", "popart"])
def test_supersampling_averages_the_samples_of_a_finer_picture(domain: str) -> None:
    params = people(3)
    fine = pf.render(params, domain, 128, supersample=1).images.astype(float)
    mean = fine.reshape(3, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    coarse = pf.render(params, domain, 64, supersample=2).images
    assert np.abs(mean - coarse).max() <= 1.01


@pytest.mark.parametrize("resolution", [32, 64, 128, 256])
def test_every_resolution_shows_the_same_face(resolution: int) -> None:
    params = people(2)
    seen = pf.render(params, "photo", resolution, supersample=1)
    assert seen.images.shape == (2, resolution, resolution, 3)
    np.testing.assert_allclose(
        seen.landmarks / resolution, pf.landmarks(params, "photo", 32) / 32, atol=1e-5
    )
    step = resolution // 32
    small = seen.images.reshape(2, 32, step, 32, step, 3).mean(axis=(2, 4))
    again = pf.render(params, "photo", 32, supersample=4).images
    assert np.abs(small - again).mean() < 6


@pytest.mark.parametrize("domain", pf.DOMAINS)
def test_the_deformation_of_a_domain_is_a_known_map(domain: str) -> None:
    params = people(40)
    there = pf.landmarks(params, domain, 64)
    np.testing.assert_array_equal(
        there, pf.landmarks(pf.STYLES[domain].deform(params), "photo", 64)
    )
    assert np.isfinite(there).all()


def test_a_sketch_keeps_the_geometry_and_a_webtoon_enlarges_the_eyes() -> None:
    params = people(40)
    params[:, pf.INDEX["yaw"]] = 0  # the far eye of a turned head is foreshortened
    photo, sketch, webtoon = (
        pf.landmarks(params, domain, 64) for domain in ("photo", "sketch", "webtoon")
    )
    np.testing.assert_allclose(photo, sketch, atol=1e-4)
    inner, outer = (pf.LANDMARKS.index(f"eye_{end}_left") for end in ("inner", "outer"))

    def width(points: np.ndarray) -> np.ndarray:
        return np.linalg.norm(points[:, inner] - points[:, outer], axis=1)

    assert (width(webtoon) > 1.3 * width(photo)).all()


def test_a_sketch_and_a_photo_of_a_person_are_an_exact_pair() -> None:
    params = people(4)
    photo, sketch = (pf.render(params, domain, 64) for domain in ("photo", "sketch"))
    assert np.mean(photo.segmentation == sketch.segmentation) > 0.99
    np.testing.assert_allclose(photo.depth, sketch.depth, atol=1e-4)
    assert np.abs(photo.images.astype(int) - sketch.images).mean() > 20


def test_a_caricature_leaves_the_mean_person_and_doubles_the_others() -> None:
    deform = exaggerated(2.0, keep=("skin_tone",), weaker={"lip_upper": 1.5})
    mean = np.array([[row.mean for row in pf.TABLE]], np.float32)
    np.testing.assert_array_equal(deform(mean), mean)
    params = people(5)
    moved = deform(params) - mean
    factor = {"nose_length": 2.0, "skin_tone": 1.0, "lip_upper": 1.5, "yaw": 1.0, "smile": 1.0}
    for name, value in factor.items():
        k = pf.INDEX[name]
        np.testing.assert_allclose(moved[:, k], value * (params - mean)[:, k], atol=1e-5)


def test_an_affine_map_changes_the_named_parameters_only() -> None:
    params = people(5)
    changed = affine(eye_size=(2.0, 0.1))(params)
    k = pf.INDEX["eye_size"]
    np.testing.assert_allclose(changed[:, k], 2 * params[:, k] + 0.1, rtol=1e-6)
    changed[:, k] = params[:, k]
    np.testing.assert_array_equal(changed, params)
    with pytest.raises(KeyError):
        affine(eyes=(2.0, 0.0))


def test_the_key_of_the_cache_changes_with_whatever_defines_the_pictures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = ("photo", range(10), 1, 64, 2)
    keys = [
        cache_key(*base),
        cache_key("webtoon", *base[1:]),
        cache_key("photo", range(1, 11), 1, 64, 2),
        cache_key("photo", range(10), 2, 64, 2),
        cache_key("photo", range(10), 1, 32, 2),
        cache_key("photo", range(10), 1, 64, 3),
        cache_key("photo", people(10), 1, 64, 2),
        cache_key("photo", people(10)[::-1], 1, 64, 2),
    ]
    monkeypatch.setattr(cache, "RENDER_VERSION", cache.RENDER_VERSION + 1)
    keys.append(cache_key(*base))
    monkeypatch.setattr(cache, "TABLE", cache.TABLE[:-1])
    keys.append(cache_key(*base))
    assert len(set(keys)) == len(keys)


def drawn(folder: Path, said: list[tuple[int, int]]) -> pf.Rendering:
    return pf.cached(
        "photo",
        people=range(5, 9),
        pictures_each=2,
        resolution=32,
        folder=folder,
        progress=lambda done, total: said.append((done, total)),
    )


def test_cached_pictures_are_rendered_once_and_equal_the_rendered_ones(tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    first = drawn(tmp_path / "new" / "folder", said)
    assert said == [(8, 8)]
    again = drawn(tmp_path / "new" / "folder", said)
    assert said == [(8, 8)]
    params = pf.parameters(np.repeat(np.arange(5, 9), 2), np.tile([0, 1], 4))
    assert same(first, again)
    assert same(first, pf.render(params, "photo", 32))
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 1


@pytest.mark.parametrize("name", ["images", "depth", "visible"])
def test_a_truncated_or_missing_file_is_rendered_again(tmp_path: Path, name: str) -> None:
    whole = np.array(drawn(tmp_path, []).images)
    (file,) = tmp_path.glob(f"*/{name}.npy")
    file.write_bytes(file.read_bytes()[:-7])
    said: list[tuple[int, int]] = []
    assert np.array_equal(drawn(tmp_path, said).images, whole)
    file.unlink()
    assert np.array_equal(drawn(tmp_path, said).images, whole)
    assert len(said) == 2


def test_an_interrupted_rendering_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pf.cached("photo", people=range(3), resolution=32, folder=tmp_path, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_the_distance_field_is_compiled_to_vector_instructions() -> None:
    params = people(24)
    pf.render(params[:1], "photo", 64)
    start = time.process_time()
    pf.render(params, "photo", 64)
    # About 9 ms of processor time each; without vector instructions 45.
    assert (time.process_time() - start) / len(params) < 0.025


DRAWN = """\
import hashlib
import numpy as np
from benchmarks import parafaces as pf
people = np.arange(20_000_000, 20_000_040)
images = pf.render(pf.parameters(people, 0 * people), "clay", 64).images
print(hashlib.sha256(images.tobytes()).hexdigest())
"""


@pytest.mark.exhaustive  # compiles the renderer anew
def test_who_finds_nothing_compiled_draws_what_later_processes_draw(tmp_path: Path) -> None:
    def process() -> str:
        env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", DRAWN], env=env, cwd=ROOT, capture_output=True, check=True
        )
        return done.stdout.decode()

    first, second = process(), process()
    assert first
    assert first == second


def test_people_are_kept_by_their_parameters_as_by_their_numbers(tmp_path: Path) -> None:
    where: Any = {"resolution": 32, "folder": tmp_path}
    assert same(
        pf.cached("clay", people=people(2), **where), pf.cached("clay", people=range(2), **where)
    )
    assert len(list(tmp_path.iterdir())) == 2
