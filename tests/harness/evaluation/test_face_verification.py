"""Whether two pictures show one person: closed forms, and the command on two folders."""

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import verify as command
from benchmarks.harness.evaluation.face_verification import (
    auc,
    extract,
    paired,
    same_person_auc,
    verify,
)
from core.errors import UserError


def test_area_under_the_curve_is_its_closed_form() -> None:
    assert auc(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])) == 1
    assert auc(torch.tensor([1.0]), torch.tensor([0.0, 1.0, 2.0, 3.0])) == pytest.approx(1.5 / 4)
    assert auc(torch.zeros(5), torch.zeros(7)) == 0.5


def test_verification_compares_all_pairs() -> None:
    eye = torch.eye(4)
    who = torch.arange(4)
    assert same_person_auc(eye, eye, who, who) == 1
    assert same_person_auc(eye, eye.roll(1, 0), who, who) < 0.5


def heads(identity, found):
    return {"identity": torch.tensor(identity), "found": torch.tensor(found)}


def test_people_are_told_apart_by_their_cosines_where_both_have_a_face():
    a = heads([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], [1.0, 1.0, 0.0])
    b = heads([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], [1.0, 1.0, 1.0])
    numbers = verify(a, b)  # same people 1 and 0.6, different ones 0.8 and 0
    assert numbers["pairs"] == 2
    assert numbers["found_a"] == pytest.approx(2 / 3)
    assert numbers["found_b"] == 1
    assert numbers["same"] == pytest.approx(0.8)
    assert numbers["different"] == pytest.approx(0.4)
    assert numbers["auc"] == 3 / 4
    assert numbers["rank1"] == 1 / 2


def test_a_single_pair_with_faces_is_not_enough():
    eye = [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(UserError, match="fewer than two pairs"):
        verify(heads(eye, [1.0, 0.0]), heads(eye, [1.0, 1.0]))


@pytest.fixture
def folders(tmp_path):
    """Two folders whose pictures have two names in common, with other endings."""
    for folder, names in (("a", "1.png 2.png 3.png"), ("b", "0.png 2.jpg 3.png")):
        (tmp_path / folder).mkdir()
        for name in names.split():
            grey = np.full((8, 4, 3), 40 * int(name[0]), np.uint8)
            Image.fromarray(grey).save(tmp_path / folder / name)
    return str(tmp_path / "a"), str(tmp_path / "b")


def test_pictures_are_paired_by_name_and_read_in_that_order(folders):
    a, b = paired(*folders)
    assert [file.member for file in a] == ["2.png", "3.png"]
    assert [file.member for file in b] == ["2.jpg", "3.png"]
    seen = extract(lambda images: {"mean": images.mean((1, 2, 3))}, a, 8)
    assert seen["mean"][0] < seen["mean"][1]


def test_folders_without_common_names_are_one_sentence(folders, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "a" / "3.png").rename(tmp_path / "c" / "3.png")
    with pytest.raises(UserError, match="fewer than two names in common"):
        paired(folders[0], str(tmp_path / "c"))


def test_a_network_that_is_not_here_is_one_sentence_of_the_command(folders, capsys, monkeypatch):
    monkeypatch.setenv("STYLESHIFT_CACHE", folders[0])
    assert command.main([*folders, "--eyes", "0.3", "0.4", "0.7", "0.4"]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "python -m benchmarks.fetch mobilefacenet" in sentence
