import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import align as command
from benchmarks.harness.alignment import DETECTORS, align, detector
from benchmarks.harness.alignment.detectors import installed
from benchmarks.harness.alignment.ffhq import Quad
from benchmarks.harness.alignment.landmarks import (
    EYES_MESH,
    MOUTH_MESH,
    LandmarksFile,
    faces,
    four_points,
)
from benchmarks.harness.alignment.mtcnn import (
    MTCNN,
    NETWORKS,
    crop_window,
    load,
    make_square,
    non_maximum_suppression,
)
from benchmarks.harness.io import external_weights
from core.errors import UserError

FACE = np.array([[40.0, 50.0], [80.0, 52.0], [45.0, 95.0], [77.0, 96.0]])
SHARES = (0.3, 0.7, 0.5, 0.35, 0.65, 0.4, 0.4, 0.6, 0.8, 0.8)
NUMBERS = {"smallest": 40, "factor": 0.5, "thresholds": (0.6, 0.7, 0.7), "margin": 0.35}


def of_68(face):
    points = np.zeros((68, 2))
    points[36:42], points[42:48] = face[0], face[1]
    points[48], points[54] = face[2], face[3]
    return points


def of_mesh(face):
    points = np.zeros((478, 3))
    for place, point in zip((*EYES_MESH, *MOUTH_MESH), face, strict=True):
        points[np.array(place), :2] = point
    return points


@pytest.mark.parametrize(
    "given",
    [FACE, np.insert(FACE, 2, [60, 70], 0), of_68(FACE), of_mesh(FACE), FACE.ravel().tolist()],
    ids=["4", "5", "68", "478", "flat"],
)
def test_every_scheme_of_landmarks_gives_the_same_four_points(given):
    np.testing.assert_allclose(four_points(given), FACE)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([[1, 2]] * 4, "lie on one another"),
        ([[1, 2]] * 7, "neither"),
        ([[1, float("nan")]] * 4, "not finite"),
        ("abc", "no numbers"),
        ({"eye_left": [1, 2]}, "no names"),
    ],
)
def test_points_that_are_no_face_are_refused_and_left_out_of_what_a_detector_found(given, why):
    with pytest.raises(ValueError, match=why):
        four_points(given)
    assert len(faces([FACE, given])) == 1


def test_the_square_turns_and_grows_with_the_face():
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    plain = Quad.of(FACE)
    np.testing.assert_allclose(Quad.of(2 * FACE @ turn).corners, 2 * plain.corners @ turn)
    assert Quad.of(2 * FACE).size == pytest.approx(2 * plain.size)


def smooth(height, width):
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [np.sin(x / 9 + y / 17), np.cos(x / 13), np.sin(y / 11)]
    return (127 + 100 * np.stack(waves, 2)).astype(np.uint8)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_photograph_gives_the_same_face(turns):
    photo = smooth(260, 300)
    face = FACE + 70
    straight = align(Image.fromarray(photo), face, 64, 256)
    turned, height, width = face, 260, 300
    for _ in range(turns):  # counter-clockwise, as np.rot90
        turned = np.stack([turned[:, 1], width - 1 - turned[:, 0]], 1)
        height, width = width, height
    other = align(Image.fromarray(np.rot90(photo, turns).copy()), turned, 64, 256)
    assert np.abs(straight.astype(int) - other).mean() < 1


def test_what_lies_outside_the_photograph_is_made_up_without_an_edge():
    photo = np.full((120, 120, 3), 200, np.uint8)
    aligned = align(Image.fromarray(photo), FACE, 64, 64)
    assert aligned.shape == (64, 64, 3)
    assert (aligned == 200).all()


def written(tmp_path, content):
    path = tmp_path / "landmarks.json"
    path.write_text(json.dumps(content))
    return path


WILD = {"0": {"in_the_wild": {"file_path": "in/a.png", "face_landmarks": of_68(FACE).tolist()}}}
MET = [
    {"source_path": "in/a.png", "face_spec": {"landmarks": (FACE / 2 - 0.25).tolist(), "shrink": 2}}
]


@pytest.mark.parametrize(
    "content",
    [
        {"a.png": FACE.tolist()},
        {"in/a.png": [FACE.tolist()]},
        {"a.png": {"landmarks": FACE.tolist()}},
        [{"file": "a.png", "landmarks": FACE.tolist()}],
        {"0": {"raw_name": "a.png", "landmarks": FACE.tolist()}},
        WILD,
        MET,
    ],
    ids=["plain", "faces", "named", "list", "aahq", "ffhq", "metfaces"],
)
def test_a_file_of_landmarks_is_read_in_every_layout_and_has_nothing_for_others(tmp_path, content):
    find = LandmarksFile(written(tmp_path, content))
    blank = Image.new("RGB", (8, 8))
    np.testing.assert_allclose(find(blank, "some/where/in/a.png")[0], FACE)
    assert find(blank, "b.png") == []


def test_faces_are_cut_out_and_every_missed_file_is_listed(tmp_path, capsys):
    folder, to = tmp_path / "in", tmp_path / "to"
    folder.mkdir()
    Image.fromarray(smooth(260, 300)).save(folder / "a.png")
    Image.fromarray(smooth(90, 90)).save(folder / "b.png")
    (folder / "c.jpg").write_bytes(b"")
    marks = written(tmp_path, {"a.png": (FACE + 70).tolist()})
    words = [str(folder), "--to", str(to), "--size", "64", "--landmarks", str(marks)]
    assert command.main(words) == 1
    wanted = align(Image.open(folder / "a.png"), FACE + 70, 64, 256)
    assert (np.asarray(Image.open(to / "a.png")) == wanted).all()
    assert sorted(path.name for path in to.iterdir()) == ["a.png", "missed.txt"]
    missed = (to / "missed.txt").read_text().splitlines()
    assert missed[0] == f"{folder / 'b.png'}: no face found."
    assert missed[1].startswith(f"{folder / 'c.jpg'} is empty")
    assert len(missed) == 2
    assert "faces cut out: 1, missed: 2" in capsys.readouterr().out


@pytest.mark.parametrize("change", [lambda p: p + 5000, lambda p: -p - 900, lambda p: p * 1000])
def test_landmarks_of_a_picture_of_another_size_miss_that_file_alone(tmp_path, capsys, change):
    for name in ("a.png", "b.png"):
        Image.fromarray(smooth(260, 300)).save(tmp_path / name)
    face = FACE + 70
    marks = written(tmp_path, {"a.png": change(face).tolist(), "b.png": face.tolist()})
    words = [str(tmp_path / name) for name in ("a.png", "b.png")]
    to = tmp_path / "to"
    assert command.main([*words, "--to", str(to), "--size", "64", "--landmarks", str(marks)]) == 1
    assert sorted(path.name for path in to.iterdir()) == ["b.png", "missed.txt"]
    assert "a.png: the landmarks lie outside it (300 x 260)." in capsys.readouterr().err


def test_a_face_far_larger_than_its_picture_is_cut_out_all_the_same():
    image = Image.fromarray(smooth(260, 300))
    far = (FACE - FACE.mean(0)) * 1e5 + (150, 130)
    assert align(image, far, 64, 256).shape == (64, 64, 3)


def test_two_files_of_one_name_are_told_apart_by_their_folders_only(tmp_path):
    find = LandmarksFile(
        written(tmp_path, {"x/a.png": FACE.tolist(), "y/a.png": (FACE * 2).tolist()})
    )
    blank = Image.new("RGB", (8, 8))
    np.testing.assert_allclose(find(blank, "/data/y/a.png")[0], FACE * 2)
    assert find(blank, "/data/a.png") == []


@pytest.mark.parametrize("content", [[], {}, {"a": [[1, 2]]}, 3, {"a": "b"}, [{"face_spec": 1}]])
def test_a_file_without_landmarks_is_one_sentence(tmp_path, content):
    with pytest.raises(UserError, match=r"landmarks\.json"):
        LandmarksFile(written(tmp_path, content))


HEADS = {"pnet.pt": "conv4_1", "rnet.pt": "dense5_1", "onet.pt": "dense6_1"}


@pytest.fixture
def networks(tmp_path):
    """Files of networks that take what is bright for a face, with points at fixed shares."""
    for name, kind in NETWORKS.items():
        network = kind().requires_grad_(False)
        for key, value in network.named_parameters():
            value.fill_("prelu" in key)  # a slope of 1 leaves what is negative
        body = [layer for key, layer in network.named_children() if "_" not in key]
        for layer in body:
            if hasattr(layer, "in_channels"):  # the mean of all colours, then of the first map
                taken = layer.weight[0] if layer.in_channels == 3 else layer.weight[0, 0]
                taken.fill_(1 / taken.numel())
            elif hasattr(layer, "in_features"):  # maps come with their channels last, 3 x 3 places
                layer.weight[0, :: layer.in_features // 9] = 1 / 9
        head = network.get_submodule(HEADS[name])
        head.weight[1, 0], head.bias[1] = 10, -5
        if name == "onet.pt":
            network.dense6_3.bias.copy_(torch.tensor(SHARES))
        torch.save(network.state_dict(), tmp_path / name)
    return load(tmp_path)


def bright(width, height, left, top, side):
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[top : top + side, left : left + side] = 255
    return Image.fromarray(pixels)


def placed(left, top, side):
    x, y = np.array(SHARES[:5]), np.array(SHARES[5:])
    return (np.stack([left + side * x, top + side * y], 1))[[0, 1, 3, 4]]


def test_the_cascade_finds_a_face_where_it_lies(networks):
    find = MTCNN(networks, longest=1000, **NUMBERS)
    # several windows see it equally well; they lie about it
    found = np.mean(find(bright(160, 100, 70, 30, 40), "a.png"), axis=0)
    assert np.abs(found - placed(70, 30, 40)).max() < 5
    assert find(bright(160, 100, 0, 0, 0), "a.png") == []


def test_a_large_picture_is_looked_at_in_a_smaller_size(networks):
    find = MTCNN(networks, longest=160, **NUMBERS)
    found = np.mean(find(bright(320, 200, 140, 60, 80), "a.png"), axis=0)
    assert np.abs(found - placed(140, 60, 80)).max() < 10


def test_a_face_that_fills_the_picture_is_found_within_a_margin(networks):
    picture = bright(30, 30, 0, 0, 30)
    find = MTCNN(networks, longest=1000, **{**NUMBERS, "margin": 0.0})
    assert find(picture, "a.png") == []
    (found,) = MTCNN(networks, longest=1000, **NUMBERS)(picture, "a.png")
    assert found.min() > -6
    assert found.max() < 36


def test_of_overlapping_boxes_the_surest_stays():
    boxes = torch.tensor(
        [[0, 0, 10, 10, 0.8], [1, 1, 11, 11, 0.9], [2, 2, 6, 6, 0.7], [30, 0, 40, 10, 0.6]]
    )
    assert non_maximum_suppression(boxes, 0.5, of_smaller=False).tolist() == [1, 2, 3]
    assert non_maximum_suppression(boxes, 0.5, of_smaller=True).tolist() == [1, 3]
    assert non_maximum_suppression(boxes[:0], 0.5, of_smaller=True).tolist() == []


def test_boxes_become_square_about_their_centres():
    (box,) = make_square(torch.tensor([[10.0, 20.0, 30.0, 80.0, 0.5]]))
    assert box.tolist() == [-10, 20, 50, 80, 0.5]


def test_a_window_beyond_the_picture_is_grey_there():
    image = torch.ones(3, 4, 6)
    cut = crop_window(image, torch.tensor([-2.0, -1.0, 2.0, 3.0, 1.0]), 4)
    assert cut[0].tolist() == [[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]


class Hostile:
    def __reduce__(self):
        return (open, ("executed", "w"))


def test_a_file_that_is_no_network_is_one_sentence_and_nothing_in_it_runs(
    tmp_path, networks, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rnet.pt").write_bytes(pickle.dumps({"conv1.weight": Hostile()}))
    with pytest.raises(UserError, match=r"rnet\.pt holds no weights of MTCNN's rnet"):
        load(tmp_path)
    assert not (tmp_path / "executed").exists()


def test_weights_that_are_not_there_are_one_sentence_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"benchmarks\.fetch mtcnn-p mtcnn-r mtcnn-o"):
        detector("mtcnn")
    with pytest.raises(UserError, match=r"benchmarks\.fetch dlib-68"):
        detector("dlib")


def test_an_unknown_detector_and_a_lacking_package_are_one_sentence():
    with pytest.raises(UserError, match=r"no detector 'magic'.*mtcnn, dlib"):
        detector("magic")
    with pytest.raises(UserError, match="JSON file"):
        detector("landmarks")
    with pytest.raises(UserError, match="pip install no-such-package"):
        installed("no_such_module", "no-such-package")


def test_every_detector_with_files_is_in_the_list_of_optional_files():
    listed = {name for name, file in external_weights.listed().items() if file.kind == "detector"}
    assert {"mtcnn-p", "mtcnn-r", "mtcnn-o", "dlib-68", "mediapipe"} <= listed
    assert set(DETECTORS) == {"mtcnn", "dlib", "mediapipe", "face_alignment"}
