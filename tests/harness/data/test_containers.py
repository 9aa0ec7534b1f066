"""Pictures are the same ones wherever they lie: folder, zip, prepared zip, LMDB, render."""

import builtins
import hashlib
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness.data.files import files, notes
from benchmarks.harness.data.pictures import Unreadable, read
from benchmarks.harness.data.preparation import archive as archives
from core.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
HOW = {"resolution": 16, "framing": "crop", "box": [0, 0, 1, 1], "filter": "lanczos"}


def all_of(root):
    return np.stack([read(file, 16, "crop").pixels for file in files(root)])


def prepared(path, pixels=PIXELS):
    with archives.writing(path, HOW) as archive:
        for i, picture in enumerate(pixels):
            archive.add(picture, f"{i:064x}", f"mine/{i}.jpg")
    return path


def test_a_prepared_zip_has_nvidias_layout_and_keeps_every_pixel(tmp_path):
    path = prepared(tmp_path / "a.zip")
    with zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist()]
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        assert json.loads(archive.read("dataset.json"))["labels"] is None
    assert names == [f"00000/img{i:08}.png" for i in range(3)] + ["dataset.json"]
    assert np.array_equal(all_of(path), PIXELS)


def test_a_prepared_zip_says_of_which_files_it_was_made(tmp_path):
    path = prepared(tmp_path / "a.zip")
    first = files(path)[0]
    assert (first.member, first.name) == ("00000/img00000000.png", "mine/0.jpg")
    assert first.sha256 == "0" * 64
    assert notes(path)["prepared"] == HOW


def test_the_same_pictures_always_make_the_same_zip(tmp_path):
    a, b = prepared(tmp_path / "a.zip"), prepared(tmp_path / "b.zip")
    assert a.read_bytes() == b.read_bytes()


def test_a_zip_that_was_not_finished_is_not_there(tmp_path):
    path = tmp_path / "a.zip"

    def interrupted():
        with archives.writing(path, HOW) as archive:
            archive.add(PIXELS[0], "0" * 64, "0.png")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with archives.writing(path, HOW) as archive:
        archive.add(PIXELS[0], "0" * 64, "0.png")
        archive.discard()
    assert list(tmp_path.iterdir()) == []


def test_the_thousandth_picture_begins_another_folder(tmp_path):
    path = prepared(tmp_path / "a.zip", np.zeros((1001, 8, 8, 3), np.uint8))
    assert files(path)[-1].member == "00001/img00001000.png"


def test_a_plain_zip_and_a_folder_are_known_by_their_bytes(tmp_path):
    Image.fromarray(PIXELS[0]).save(tmp_path / "0.png")
    data = (tmp_path / "0.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as archive:
        archive.writestr("x/0.png", data)
        archive.writestr("dataset.json", '{"labels": [["x/0.png", 3]]}')
    (here,) = files(tmp_path)
    (there,) = files(tmp_path / "plain.zip")
    assert here.sha256 == there.sha256 == hashlib.sha256(data).hexdigest()
    assert (here.name, there.name) == ("0.png", "x/0.png")
    assert notes(tmp_path) == notes(tmp_path / "plain.zip") == {}


@pytest.mark.parametrize(
    "index",
    [b"{", b"\xff\xfe", b'{"styleshift": {"files": [["a.png", "zz", "b"]]}}',
     b'{"styleshift": {"files": [1]}}', b'{"styleshift": {"files": 5}}',
     b'{"styleshift": {"files": [["a.png", 1, "b"]]}}', b"[" * 100_000],
)  # fmt: skip
def test_an_index_that_is_none_is_refused_in_a_sentence(tmp_path, index):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", b"x")
        archive.writestr("dataset.json", index)
    (file,) = files(tmp_path / "a.zip")
    with pytest.raises(UserError, match=r"dataset\.json"):
        _ = file.sha256


@pytest.mark.parametrize(
    ("member", "size", "said"),
    [("dataset.json", 1 << 20, "larger than its zip"), ("b.bmp", 1 << 25, "it becomes 33554434")],
)
def test_what_grows_without_measure_when_it_is_unpacked_is_refused(tmp_path, member, size, said):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", b"x")
        archive.writestr(member, b"[" + b" " * size + b"]")
    with pytest.raises(UserError, match=said):
        _ = [file.sha256 for file in files(tmp_path / "a.zip")]


def test_a_foreign_index_is_no_note_of_ours(tmp_path):
    for index in ("[]", "3", '{"labels": null}', '{"styleshift": 4}'):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("a.png", b"x")
            archive.writestr("dataset.json", index)
        assert notes(tmp_path / "a.zip") == {}
        (tmp_path / "a.zip").unlink()


def test_a_render_is_read_from_its_array(tmp_path):
    folder = tmp_path / "sketch-16-3-key"
    folder.mkdir()
    np.save(folder / "images.npy", PIXELS)
    assert np.array_equal(all_of(folder), PIXELS)
    assert np.array_equal(all_of(folder / "images.npy"), PIXELS)
    assert len({file.sha256 for file in files(folder)}) == 3


@pytest.mark.parametrize("array", [np.zeros((2, 8, 8)), np.zeros((0, 8, 8, 3), np.uint8)])
def test_another_array_is_refused(tmp_path, array):
    np.save(tmp_path / "images.npy", array)
    with pytest.raises(UserError, match=r"no array of pictures"):
        files(tmp_path)
    np.save(tmp_path / "b.npy", np.array([{}], dtype=object))
    with pytest.raises(UserError, match=r"no array of pictures"):
        files(tmp_path / "b.npy")


def test_an_lmdb_of_rosinality_is_read_at_its_largest_size(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    Image.fromarray(PIXELS[0]).save(tmp_path / "0.png")
    data = (tmp_path / "0.png").read_bytes()
    database = lmdb.open(str(tmp_path / "db"), map_size=1 << 20)
    with database, database.begin(write=True) as transaction:
        for index in range(2):
            transaction.put(f"8-{index:05}".encode(), b"small")
            transaction.put(f"16-{index:05}".encode(), data)
        transaction.put(b"length", b"3")
    found = files(tmp_path / "db")
    assert [file.member for file in found] == ["16-00000", "16-00001", "16-00002"]
    assert np.array_equal(read(found[1], 16, "crop").pixels, PIXELS[0])
    with pytest.raises(Unreadable, match=r"16-00002 is empty"):
        found[2].read()


def test_an_lmdb_of_something_else_is_refused(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    lmdb.open(str(tmp_path / "db"), map_size=1 << 20).close()
    with pytest.raises(UserError, match=r"holds no pictures under keys like 256-00000"):
        files(tmp_path / "db")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "data.mdb").write_bytes(b"no database")
    with pytest.raises(UserError, match=r"The LMDB .* cannot be opened"):
        files(tmp_path / "bad")


def test_an_lmdb_without_its_package_is_one_sentence_that_says_how(tmp_path, monkeypatch):
    (tmp_path / "data.mdb").write_bytes(b"x")
    usual = builtins.__import__

    def without(name, *rest):
        if name == "lmdb":
            raise ImportError(name)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"pip install 'styleshift\[lmdb\]'"):
        files(tmp_path)
