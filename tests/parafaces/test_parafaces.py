"""ParaFaces: who the people are, and what is known about their pictures."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from benchmarks import parafaces as pf
from benchmarks.parafaces.head import ellipsoid, smax, smin
from benchmarks.parafaces.march import FAR
from benchmarks.parafaces.truth import surface
from core.errors import UserError
from core.paths import ROOT

SEGMENT = {name: index for index, name in enumerate(pf.SEGMENTS)}


def people(n: int, first: int = 0, picture: int = 0) -> np.ndarray:
    return pf.parameters(np.arange(first, first + n), np.full(n, picture))


def column(params: np.ndarray, name: str) -> np.ndarray:
    return params[:, pf.INDEX[name]]


@pytest.fixture(scope="module")
def photos() -> pf.Rendering:
    return pf.render(people(48), "photo", 128, supersample=1)


def test_identity_depends_on_the_person_alone() -> None:
    one, other = people(50, picture=3), people(50, picture=4)
    identity = pf.BLOCKS["identity"]
    assert np.array_equal(one[:, identity], other[:, identity])
    assert len(np.unique(one[:, identity], axis=0)) == 50
    for block in ("expression", "pose", "light", "background"):
        assert (one[:, pf.BLOCKS[block]] != other[:, pf.BLOCKS[block]]).any(axis=1).all()


def test_nobody_changes_with_the_company_they_are_drawn_in() -> None:
    together = people(100)
    assert np.array_equal(together[37:40], people(3, first=37))
    far = pf.parameters(np.array([59_999_999]), np.array([12]))
    both = pf.parameters(np.array([1, 59_999_999]), np.array([2, 12]))
    assert np.array_equal(far[0], both[1])


def test_person_zero_is_the_same_on_every_machine() -> None:
    known = {
        "skull_width": 0.7796,
        "eye_distance": 0.3286,
        "yaw": 0.4931,
        "smile": 0.5527,
        "skin_tone": 0.0956,
        "hair_tone": 0.155,
        "blob_x": 0.5353,
    }
    params = people(1)
    found = {name: float(column(params, name)[0]) for name in known}
    assert found == pytest.approx(known, abs=1e-4)


def test_parameters_stay_within_their_bounds_and_fill_their_blocks() -> None:
    params = people(5000)
    low, high = (np.array([row[k] for row in pf.TABLE], np.float32) for k in (3, 4))
    assert params.dtype == np.float32
    assert (params >= low).all()
    assert (params <= high).all()
    assert [name for block in pf.BLOCKS.values() for name in pf.NAMES[block]] == list(pf.NAMES)
    assert len(pf.NAMES) >= 30
    assert len(pf.LANDMARKS) >= 20


def test_glasses_baldness_and_beards_have_their_shares() -> None:
    params = people(20_000)
    assert np.mean(column(params, "glasses")) == pytest.approx(0.20, abs=0.01)
    assert np.mean(column(params, "bald")) == pytest.approx(0.08, abs=0.01)
    assert np.mean(column(params, "beard") > 0) == pytest.approx(0.15, abs=0.015)
    assert abs(np.mean(column(params, "yaw"))) < 0.01


def test_ranges_of_people_never_meet() -> None:
    ranges = sorted(pf.PEOPLE.values(), key=lambda people: people.start)
    assert all(a.stop <= b.start for a, b in pairwise(ranges))


def test_fields_and_fillets_agree_with_closed_forms() -> None:
    f = np.float32
    assert ellipsoid(f(3), f(0), f(4), f(2), f(2), f(2)) == pytest.approx(3.0, abs=1e-4)
    assert smin(f(0.3), f(0.3), f(0.2)) == pytest.approx(0.25)
    assert smax(f(0.3), f(0.3), f(0.2)) == pytest.approx(0.35)
    assert smin(f(0.1), f(0.9), f(0.2)) == pytest.approx(0.1)


def test_the_eyes_of_a_frontal_head_lie_where_faces_are_aligned() -> None:
    params = people(20)
    for name, value in {
        "yaw": 0,
        "pitch": 0,
        "roll": 0,
        "shift_x": 0,
        "shift_y": 0,
        "eye_tilt": 0,
        "zoom": 1,
    }.items():
        params[:, pf.INDEX[name]] = value
    points = pf.landmarks(params, "photo", 64) / 64 * 100
    outer = [pf.LANDMARKS.index(f"eye_outer_{side}") for side in ("left", "right")]
    middle = points[:, outer].mean(axis=1)
    np.testing.assert_allclose(middle[:, 0], 50.0, atol=0.01)
    np.testing.assert_allclose(middle[:, 1], 47.8, atol=0.2)
    np.testing.assert_allclose(points[:, outer[0], 0] + points[:, outer[1], 0], 100, atol=0.01)


@pytest.mark.parametrize(
    ("names", "segments"),
    [
        (("pupil_left", "pupil_right"), ("iris", "eye", "skin")),  # skin: lids over a lowered gaze
        (("nose_tip", "nose_root"), ("nose", "skin")),
        (("forehead",), ("skin", "hair")),
        (("chin",), ("skin", "neck")),
        (("cheek_left", "cheek_right"), ("skin", "nose")),
        (("brow_middle_left", "brow_middle_right"), ("brow", "glasses", "skin")),
        (("lip_top", "lip_bottom"), ("lips", "skin", "mouth")),
    ],
)
def test_visible_landmarks_lie_on_their_segments(
    photos: pf.Rendering, names: tuple[str, ...], segments: tuple[str, ...]
) -> None:
    wanted = [SEGMENT[name] for name in segments]
    for name in names:
        k = pf.LANDMARKS.index(name)
        seen = photos.visible[:, k]
        x, y = photos.landmarks[seen, k].astype(int).T
        found = photos.segmentation[seen, y, x]
        assert seen.mean() > 0.5
        assert np.isin(found, wanted).mean() > 0.95, name


def test_pupils_are_on_irises_and_brows_are_brows(photos: pf.Rendering) -> None:
    for name, segment in (
        ("pupil_left", "iris"),
        ("brow_middle_right", "brow"),
        ("nose_tip", "nose"),
    ):
        k = pf.LANDMARKS.index(name)
        seen = photos.visible[:, k]
        x, y = photos.landmarks[seen, k].astype(int).T
        assert np.mean(photos.segmentation[seen, y, x] == SEGMENT[segment]) > 0.8, name


def test_hidden_landmarks_are_those_that_are_turned_away() -> None:
    params = people(60)
    params[:, pf.INDEX["glasses"]] = 0
    params[:, pf.INDEX["bald"]] = 1
    params[:, pf.INDEX["yaw"]] = 0.55  # towards the picture's right
    seen = pf.render(params, "photo", 64, supersample=1).visible.mean(axis=0)
    assert seen[pf.LANDMARKS.index("ear_left")] > 0.9
    assert seen[pf.LANDMARKS.index("ear_right")] < 0.1


def test_landmarks_need_no_rendering(photos: pf.Rendering) -> None:
    np.testing.assert_array_equal(pf.landmarks(people(48), "photo", 128), photos.landmarks)


def test_anchors_lie_on_the_skin() -> None:
    from benchmarks.parafaces.shape import shapes

    record = shapes(people(1))[0]
    x, y, z = surface(record, 0.1, -0.3, 1.4, 2, 1.0)
    again = surface(record, x, y, z + 0.2, 2, 1.0)
    assert (x, y) == (0.1, -0.3)
    assert again[2] == pytest.approx(z, abs=0.004)


def test_only_background_is_far(photos: pf.Rendering) -> None:
    assert (photos.segmentation[photos.depth >= FAR] == SEGMENT["background"]).all()
    assert (photos.segmentation[photos.depth < FAR] != SEGMENT["background"]).all()
    assert 0.3 < np.mean(photos.depth < FAR) < 0.9
    assert set(np.unique(photos.segmentation)) == set(range(len(pf.SEGMENTS)))


@pytest.mark.parametrize(
    ("domain", "resolution", "supersample", "said"),
    [
        ("oil", 64, 2, "webtoon"),
        ("photo", 48, 2, "48"),
        ("photo", 64, 0, "supersample"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(
    domain: str, resolution: int, supersample: int, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        pf.render(people(1), domain, resolution, supersample=supersample)


def test_normals_are_standard_and_independent() -> None:
    ids = np.arange(20_000)
    z = pf.normals(ids, ids % 3)
    assert z.shape == (20_000, len(pf.TABLE) + 1)
    assert np.abs(z.mean(0)).max() < 5 / np.sqrt(len(z))
    assert np.abs(np.cov(z.T) - np.eye(z.shape[1])).max() < 6 / np.sqrt(len(z))


def test_people_are_rendered_without_torch():
    code = """
import sys
import numpy as np
from benchmarks.parafaces import parameters, render
shown = render(parameters(np.arange(1), np.zeros(1, int)), "photo", 32)
print(shown.images.shape, {"torch", "lightning", "hydra", "omegaconf"} & set(sys.modules))
"""
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 32, 32, 3) set()"
