"""Drawings with a photograph of each person: who is held out is never a shot."""

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.harness.data.domains import About, PairsDomain, splits
from benchmarks.harness.data.pictures import WHOLE, frame
from core.errors import UserError
from tests.helpers.scenes import scene

HOW = {
    "reference_root": "", "photos_root": "", "splits": "", "shots": 5, "draw": 0,
    "reference": 100, "reference_minimum": 5, "photos": 6, "framing": "crop", "box": (0, 0, 1, 1),
    "filter": "lanczos", "skip_broken": False, "about": About("", "", False, "", "", 0, 0, ""),
    "resolution": 32, "images": 40, "batch_size": 8, "seed": 0, "xflip": True,
    "pictures": "sketches", "photographs": "photos",
}  # fmt: skip


def pairs(root, **changes):
    return PairsDomain(root=str(root), **{**HOW, **changes})


def sketch(i):
    return scene(i, 64).convert("L").convert("RGB")


@pytest.fixture(scope="module")
def twenty(tmp_path_factory):
    root = tmp_path_factory.mktemp("pairs")
    for name in ("sketches", "photos"):
        (root / name).mkdir()
    for i in range(20):
        sketch(i).save(root / "sketches" / f"{i:02}.png")
        scene(i, 64).save(root / "photos" / f"{i:02}.bmp")
    return root


def rows(pictures):
    return {bytes(picture) for picture in np.asarray(pictures)}


def test_the_translation_of_a_photo_is_the_drawing_of_that_person(twenty):
    domain = pairs(twenty)
    assert len(domain.photos()) == len(domain.translations()) == 6
    for photo, drawing in zip(domain.photos().pixels, domain.translations().pixels, strict=True):
        who = [i for i in range(20) if np.array_equal(framed(scene(i, 64)), photo)]
        assert len(who) == 1
        assert np.array_equal(framed(sketch(who[0])), drawing)


def framed(image):
    return frame(image, 32, "crop", WHOLE)[0]


def test_nobody_who_is_held_out_becomes_a_shot_in_any_draw(twenty):
    people = rows(pairs(twenty).translations().pixels)
    for draw in range(4):
        domain = pairs(twenty, draw=draw, shots=14)
        assert not rows(domain.training()) & people
        assert rows(domain.translations().pixels) == people


def test_the_reference_is_everybody_but_the_shots(twenty):
    domain = pairs(twenty)
    assert len(domain.reference()) == 15
    assert not rows(domain.training()) & rows(domain.reference().pixels)


def test_too_many_shots_leave_the_held_out_people_alone(twenty):
    with pytest.raises(UserError, match="14 pictures that can be used, fewer than the 15 shots"):
        pairs(twenty, shots=15)


def test_a_list_names_the_held_out_people(twenty):
    found = splits.order(pairs(twenty).candidates(dict(_files(twenty))), "x")[:2]
    names = {sha256: file.name for sha256, file in _files(twenty)}
    path = twenty / "sketches-test.txt"
    path.write_text(splits.text("test", {sha256: names[sha256] for sha256 in found}))
    try:
        domain = pairs(twenty)
        assert len(domain.photos()) == 2
        expected = [framed(Image.open(twenty / "sketches" / names[sha256])) for sha256 in found]
        assert np.array_equal(domain.translations().pixels, np.stack(expected))
    finally:
        path.unlink()


def _files(root):
    from benchmarks.harness.data.files import files

    return [(file.sha256, file) for file in files(root / "sketches")]


def test_a_drawing_without_photograph_is_told_of_and_not_held_out(twenty, tmp_path):
    for name in ("sketches", "photos"):
        (tmp_path / name).mkdir()
        for path in (twenty / name).iterdir():
            if (name, path.stem) != ("photos", "07"):
                (tmp_path / name / path.name).write_bytes(path.read_bytes())
    domain = pairs(tmp_path, photos=100, shots=1)
    assert len(domain.photos()) == 19
    assert "07.png: there is no photograph of the same name." in domain.notes
    assert torch.equal(domain.shots, pairs(tmp_path, photos=100, shots=1, draw=1).shots)


def test_photos_of_another_place_are_refused(twenty):
    with pytest.raises(UserError, match="photos_root must be empty"):
        pairs(twenty, photos_root=str(twenty))


def test_a_root_without_photographs_is_one_sentence(tmp_path, twenty):
    (tmp_path / "sketches").mkdir()
    sketch(0).save(tmp_path / "sketches" / "0.png")
    with pytest.raises(UserError, match=r"photos\.zip does not exist"):
        pairs(tmp_path)
    with pytest.raises(UserError, match=r"data\.root must be given"):
        PairsDomain(root="", **HOW)


def test_the_record_is_told_which_people_were_held_out(twenty):
    facts = pairs(twenty).facts
    assert facts["reals"] == "15"
    assert facts["split"] == "rule, draw 0"
    assert facts["photos_sha256"] != pairs(twenty, photos=5).facts["photos_sha256"]
    assert facts["data_sha256"] == pairs(twenty, photos=5).facts["data_sha256"]
