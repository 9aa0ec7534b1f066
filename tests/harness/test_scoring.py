"""What is there is judged as a run judges itself."""

import json

import numpy as np
import pytest
from PIL import Image

from benchmarks import run, score
from benchmarks.harness.records.record import Record
from core import convert

SMALL = ["eval=smoke", "eval.samples=16", "eval.photos=2"]
FEW = ["data.reference=8", "data.reference_minimum=2"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two sets of pictures, and a finished run of the first."""
    folder, rng = tmp_path_factory.mktemp("score"), np.random.default_rng(0)
    for name, count, level in (("a", 12, 200), ("b", 9, 255)):
        (folder / name).mkdir()
        for i in range(count):
            pixels = rng.integers(0, level, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    words = ["method=finetune", "method.images=8", "method.batch_size=4", "data=folder", *FEW]
    words += [f"data.root={folder / 'a'}", "data.shots=3", f"data.photos_root={folder / 'b'}"]
    assert run.main([*words, *SMALL, "seed=3", f"folder={folder / 'r'}"]) == 0
    return folder


@pytest.fixture
def scores(place, capsys):
    """Judges something; what was written, or the sentence that refuses."""

    def call(judged, *words):
        to = place / "scores.json"
        to.unlink(missing_ok=True)
        status = score.main([judged, *words, "--to", str(to), "--folder", str(place / "r")])
        said = capsys.readouterr()
        return json.loads(to.read_text()) if not status else " ".join(said.err.split())

    return call


def name_of(place):
    (path,) = place.glob("r/runs/*.json")
    return path


def test_a_run_gets_the_numbers_of_its_record_to_the_last_digit(place, scores):
    record = json.loads(name_of(place).read_text())
    for judged in (name_of(place).stem, str(place / "r" / "out" / name_of(place).stem)):
        found = scores(judged)
        assert found["metrics"] == record["metrics"]
        assert found["left_out"] == record["left_out"]
    assert {"kid@parafaces", "identity@parafaces"} <= set(record["metrics"])


@pytest.mark.exhaustive
def test_a_run_is_judged_by_another_evaluation_and_in_other_data(place, scores):
    name = name_of(place).stem
    fewer = scores(name, "eval.samples=12")
    assert fewer["metrics"]["fd@parafaces"]["n"] == 12
    other = scores(name, f"data.root={place / 'b'}", "data.photos_root=", "data.shots=3", *FEW[1:])
    before = Record.read(name_of(place)).metrics["fd@parafaces"].value
    assert other["metrics"]["fd@parafaces"]["value"] != before
    compared = scores(name, str(place / "b"))
    assert compared["metrics"]["fd@parafaces"]["details"]["reference"] == 9
    assert compared["left_out"]["intra@parafaces"] == "the data have no shots."


def test_a_checkpoint_of_another_implementation_is_judged_as_ours(place, scores, tmp_path):
    (ours,) = place.glob("r/out/*/generator.safetensors")
    convert.save(tmp_path / "theirs.pt", convert.load(ours))
    (tmp_path / "ours.safetensors").write_bytes(ours.read_bytes())
    words = [str(place / "a"), *SMALL]
    one = scores(str(tmp_path / "theirs.pt"), *words)
    assert one["metrics"] == scores(str(tmp_path / "theirs.pt"), *words)["metrics"]
    assert one["metrics"]["fd@parafaces"]["details"]["reference"] == 12
    beside = scores(str(tmp_path / "theirs.pt"), *words, "source=parafaces64")
    assert beside["metrics"]["fd@parafaces"]["value"] == one["metrics"]["fd@parafaces"]["value"]
    assert "identity@parafaces" in beside["metrics"]
    assert "identity@parafaces" not in one["metrics"]


def test_pictures_are_compared_with_pictures_and_with_a_set(place, scores):
    same = scores(str(place / "a"), str(place / "a"))["metrics"]
    assert same["fd@parafaces"]["value"] == pytest.approx(0, abs=1e-3)
    assert same["precision@parafaces"]["value"] == 1
    assert same["fd@parafaces"]["n"] == 12
    data = ["data=folder", f"data.root={place / 'a'}", "data.shots=3", *FEW[1:]]
    found = scores(str(place / "b"), *data, "eval=smoke")
    assert found["metrics"]["fd@parafaces"]["value"] > 1
    assert found["metrics"]["intra@parafaces"]["n"] == 9


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{a}"], "needs something to compare with"),
        (["{a}", "{b}", "{b}"], "is one place too many"),
        (["{run}", "source=tiny"], "source is in the record of"),
        (["{run}", "--resolution", "32"], "a generator has its own"),
        (["{a}", "{b}", "eval.samples=0"], "eval.samples"),
        (["{a}", "{b}", "evil=1"], "evil"),
        (["nowhere", "{b}"], "nowhere is neither a folder, a file nor a run"),
        (["{sizes}", "{b}"], "has 32 x 32 px, where the first has 64 x 64"),
        (["{wide}", "{b}"], "is not square: --resolution says"),
        (["{pt}", "{b}"], "no.pt: its pickle has an instruction"),
    ],
)
def test_what_cannot_be_judged_is_said_in_a_sentence(place, scores, tmp_path, words, sentence):
    for name, sides in (("sizes", [(64, 64), (32, 32)]), ("wide", [(40, 30)])):
        (tmp_path / name).mkdir()
        for i, side in enumerate(sides):
            Image.new("RGB", side, (i, 9, 9)).save(tmp_path / name / f"{i}.png")
    (tmp_path / "no.pt").write_bytes(b"no checkpoint at all")
    names = {"a": place / "a", "b": place / "b", "run": name_of(place).stem}
    names |= {"sizes": tmp_path / "sizes", "wide": tmp_path / "wide", "pt": tmp_path / "no.pt"}
    said = scores(*[word.format(**names) for word in words])
    assert isinstance(said, str)
    assert sentence in said
    assert said.startswith("styleshift: ")


def test_pictures_of_several_sizes_are_brought_to_one_that_is_named(place, scores, tmp_path):
    Image.new("RGB", (40, 30), (200, 9, 9)).save(tmp_path / "0.png")
    Image.new("RGB", (64, 64), (20, 9, 90)).save(tmp_path / "1.png")
    found = scores(str(tmp_path), str(place / "b"), "--resolution", "32")
    assert found["metrics"]["fd@parafaces"]["n"] == 2
