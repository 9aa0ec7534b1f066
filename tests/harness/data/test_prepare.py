"""What `benchmarks.prepare` finds in good and in spoiled sets, from its own command line."""

import hashlib
import json
import os
import re
import signal
import zipfile

import numpy as np
import pytest
from PIL import Image

from benchmarks import prepare
from benchmarks.harness.data.domains import About, FolderDomain, PairsDomain
from benchmarks.harness.data.files import files
from benchmarks.harness.data.preparation.survey import Survey
from benchmarks.harness.io.locks import alone
from tests.helpers.scenes import fill, recompressed, scene


@pytest.fixture
def prepared(capsys, tmp_path):
    """Runs the command: exit status, what it says, the report."""

    def call(*words):
        out = tmp_path / "out"
        words = [*words, f"out={out}", "resolution=64"]
        status = prepare.main(words)
        said = capsys.readouterr()
        reports = [path for path in out.glob("*.md") if path.is_file()]
        return status, said.out + said.err, reports[0].read_text() if reports else ""

    return call


@pytest.fixture
def good(tmp_path):
    return fill(tmp_path / "mine", range(14))


HOW = {
    "reference_root": "", "photos_root": "", "splits": "", "shots": 10, "draw": 0,
    "reference": 100, "reference_minimum": 2, "photos": 5, "framing": "crop",
    "box": (0, 0, 1, 1), "filter": "lanczos", "skip_broken": False,
    "about": About("", "", False, "", "", 0, 0, ""), "resolution": 64, "images": 40,
    "batch_size": 8, "seed": 0, "xflip": True,
}  # fmt: skip


def domain(root, **changes):
    return FolderDomain(root=str(root), **{**HOW, **changes})


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_good_set_is_converted_and_nothing_is_held_against_it(good, prepared, tmp_path):
    status, said, report = prepared(f"source={good}")
    assert status == 0
    assert "files: 14, readable: 14" in report
    assert "kinds: PNG RGB (14)" in report
    assert "sizes: 128 x 128 (14)" in report
    assert "**" not in report
    assert said.splitlines()[-1].endswith("mine64.md")
    found = files(tmp_path / "out" / "mine64.zip")
    assert [file.sha256 for file in found] == [sha256(path) for path in sorted(good.iterdir())]


def test_the_zip_holds_what_the_named_filter_gives(good, prepared, tmp_path):
    for name in ("lanczos", "box"):
        assert prepared(f"source={good}", f"data.filter={name}")[0] == 0
        with zipfile.ZipFile(tmp_path / "out" / "mine64.zip") as archive:
            first = np.asarray(Image.open(archive.open("00000/img00000000.png")))
            index = json.loads(archive.read("dataset.json"))
        expected = scene(0).resize((64, 64), Image.Resampling[name.upper()])
        assert np.array_equal(first, np.asarray(expected))
        assert index["styleshift"]["prepared"]["filter"] == name


def test_a_run_takes_the_same_shots_from_the_zip_as_from_the_folder(good, prepared, tmp_path):
    before = domain(good)
    assert prepared(f"source={good}")[0] == 0
    after = domain(tmp_path / "out" / "mine64.zip")
    assert before.split.origin == "rule, draw 0"
    assert after.split.origin == "list mine64-10-0"
    assert before.shots_sha256 == after.shots_sha256
    for key in ("data_sha256", "reference_sha256"):
        assert before.facts[key] == after.facts[key]


def test_lists_of_ten_five_and_one_are_written_for_three_draws(good, prepared, tmp_path):
    assert prepared(f"source={good}")[0] == 0
    lists = sorted(path.stem for path in (tmp_path / "out").glob("*.txt"))
    assert lists == sorted(f"mine64-{size}-{draw}" for size in (10, 5, 1) for draw in range(3))
    status, _, report = prepared(f"source={good}")
    assert status == 0
    assert "9 lists of shots were there and fit." in report


def test_held_out_pictures_are_no_shots_and_the_last_to_be_trained_on(good, prepared, tmp_path):
    fill(good, [14])
    recompressed(scene(14)).save(good / "near.jpg", quality=90)
    # The lists name at least ten of the 16 pictures.
    status, said, _ = prepared(f"source={good}", "held_out=9")
    assert status == 2
    assert "held_out=9 is more than the" in said
    assert "held_out=9 is more than the" in (tmp_path / "out" / "mine64.md").read_text()
    fill(good, range(15, 75))
    for seed in range(15, 40):  # the same pixels in other files, of which the zip has the first
        scene(seed).save(good / f"again{seed}.bmp")
    status, _, report = prepared(f"source={good}", "held_out=20")
    assert status == 0
    held = {file.sha256: file for file in files(tmp_path / "out" / "mine64-held-out.zip")}
    whole = {file.sha256: file for file in files(tmp_path / "out" / "mine64.zip")}
    assert len(held) == 20
    assert all(file.read() == whole[key].read() for key, file in held.items())
    assert not {file.name for file in held.values()} & {"014.png", "near.jpg"}
    most = int(re.search(r"data.shots=(\d+) or fewer", report)[1])
    assert most >= 36
    for draw, shots in ((0, most), (0, 10), (1, 10), (2, 10)):
        trained = domain(tmp_path / "out" / "mine64.zip", shots=shots, draw=draw)
        assert len(trained.training()) == shots
        assert not set(trained.split.hashes[:shots]) & set(held)


def spoil(folder):
    """One of everything that goes wrong."""
    whole = (folder / "000.png").read_bytes()
    (folder / "cut off.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "again.png").write_bytes((folder / "001.png").read_bytes())
    scene(2).save(folder / "same.bmp")
    recompressed(scene(3)).save(folder / "saved again.jpg", quality=90)
    scene(4).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "mirror.png")
    scene(20).convert("L").save(folder / "grey.png")
    scene(21).convert("RGBA").save(folder / "clear.png")
    scene(22).resize((60, 40)).save(folder / "wide.png")


def test_broken_files_are_all_named_and_nothing_is_converted(good, prepared, tmp_path):
    spoil(good)
    scene(23).save(good / "scan.tif")
    status, said, report = prepared(f"source={good}")
    assert status == 2
    assert len(said.strip().splitlines()) == 1
    assert said.startswith("styleshift: 3 of the files cannot be read, so nothing was converted")
    assert "**files that cannot be read: 3**" in report
    assert "- scan.tif: is not a picture of a known format (JPEG, PNG, WebP, BMP, GIF)" in report
    assert "- cut off.png: " in report
    assert "- empty.jpg: is empty (0 bytes)" in report
    assert "9 lists are to be written: mine64-10-0.txt" in report
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine64.md"]


def test_the_zip_is_named_as_the_folder_that_one_stands_in(good, prepared, tmp_path, monkeypatch):
    versions = [good.rename(tmp_path / "set.v1"), fill(tmp_path / "set.v2", range(14, 28))]
    for here in versions:
        monkeypatch.chdir(here)
        assert prepared("source=.")[0] == 0
    zips = [tmp_path / "out" / f"set.v{version}64.zip" for version in (1, 2)]
    assert [len(files(path)) for path in zips] == [14, 14]
    assert {f.sha256 for f in files(zips[0])}.isdisjoint(f.sha256 for f in files(zips[1]))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_leaves_nothing_half_made_and_is_one_sentence(
    good, prepared, tmp_path, monkeypatch, number, status
):
    monkeypatch.setattr(Survey, "look", lambda *_: signal.raise_signal(number))
    left, said, _ = prepared(f"source={good}")
    assert left == status
    assert said.splitlines()[-1] == "styleshift: stopped; of what was being made nothing is left."
    assert not (tmp_path / "out").exists()


def test_two_processes_do_not_make_the_same_files(good, prepared, tmp_path):
    """Else the zip is one's, and the report and the lists of shots are the other's."""
    with alone(tmp_path / "out" / ".mine64"):
        status, said, report = prepared(f"source={good}")
        assert (status, report) == (75, "")
        assert "mine64 is being prepared by another process already." in said
        assert prepared(f"source={fill(tmp_path / 'other', range(14))}")[0] == 0
    assert prepared(f"source={good}")[0] == 0
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize("name", ["mine64.zip", "mine64.md", "mine64-5-0.txt"])
def test_what_cannot_be_written_is_one_sentence_and_leaves_no_part(good, prepared, tmp_path, name):
    (tmp_path / "out" / name / "in the way").mkdir(parents=True)
    status, said, _ = prepared(f"source={good}")
    assert status == 2
    assert said.splitlines()[-1].endswith(f"{name} cannot be written: Is a directory.")
    assert not list((tmp_path / "out").glob("*.part"))


def test_every_kind_of_fault_is_counted_and_named(good, prepared, tmp_path):
    spoil(good)
    status, _, report = prepared(f"source={good}", "data.skip_broken=true")
    assert status == 0
    assert "files: 23, readable: 21" in report
    assert "kinds: PNG RGB (17), PNG RGBA (1), PNG L (1), BMP RGB (1), JPEG RGB (1)" in report
    assert "sizes: 128 x 128 (20), 60 x 40 (1)" in report
    assert "1 partly transparent or had an alpha channel" in report
    assert "1 in grey only" in report
    assert "1 not square and cut to the central square" in report
    assert "1 smaller than 64 px and enlarged" in report
    assert "1 show no colour" in report
    assert (
        "**groups of files that are the same bit for bit, of which the first is used: 1**" in report
    )
    assert "- 001.png, again.png" in report
    assert "**groups of files that show the same pixels, of which the first is used: 1**" in report
    assert "- 002.png, same.bmp" in report
    assert "**pairs that are nearly the same and both used: 2**" in report
    assert "003.png, saved again.jpg (likeness 0." in report
    assert "004.png, mirror.png (mirrored, likeness 1.000)" in report
    assert len(files(tmp_path / "out" / "mine64.zip")) == 19


def test_shots_in_the_reference_are_named_however_they_got_there(good, prepared, tmp_path):
    reference = fill(tmp_path / "others", range(100, 105))
    (reference / "a.png").write_bytes((good / "000.png").read_bytes())
    scene(1).save(reference / "b.bmp")
    recompressed(scene(2)).save(reference / "c.jpg", quality=90)
    for path in list(good.iterdir())[10:]:
        path.unlink()
    fill(good, range(3))
    for extra in sorted(good.iterdir())[10:]:
        extra.unlink()
    words = f"source={good}", f"data.reference_root={reference}"
    status, _, report = prepared(*words)
    assert status == 0
    assert "the reference is a set of its own" in report
    assert "**shots that are in the reference or nearly: 3**" in report
    assert "- 000.png is a.png of the reference (the same file)" in report
    assert "- 001.png is b.bmp of the reference (the same pixels)" in report
    assert "- 002.png is c.jpg of the reference (likeness 0." in report


def test_a_run_leaves_shots_out_of_the_reference_and_tells_of_what_is_near(good, tmp_path):
    reference = fill(tmp_path / "others", range(100, 105))
    (reference / "a.png").write_bytes((good / "000.png").read_bytes())
    scene(1).save(reference / "b.bmp")
    recompressed(scene(2)).save(reference / "c.jpg", quality=90)
    made = domain(good, shots=14, reference_root=str(reference))
    assert len(made.reference()) == 6
    assert "2 files were left out of the reference: they are shots." in made.notes
    (near,) = [note for note in made.notes if "nearly the same as a shot" in note]
    assert near.startswith("1 picture of the reference nearly")
    assert "c.jpg" in near


def test_a_near_copy_of_a_shot_in_the_same_set_is_named(good, prepared):
    shots = domain(good).split.hashes[:10]
    (name,) = [p for p in good.iterdir() if sha256(p) == shots[0]]
    recompressed(Image.open(name)).save(good / "zz.jpg", quality=90)
    _, _, report = prepared(f"source={good}")
    assert f"{name.name} is zz.jpg of the reference (likeness 0." in report or (
        f"zz.jpg is {name.name} of the reference (likeness 0." in report
    )


def test_published_checksums_are_compared_in_whatever_form_they_come(good, prepared, tmp_path):
    sums = {p.name: hashlib.md5(p.read_bytes(), usedforsecurity=False) for p in good.iterdir()}
    del sums["003.png"]
    rows = {name: {"image_md5": found.hexdigest()} for name, found in sums.items()}
    (tmp_path / "sums.json").write_text(json.dumps(rows))
    _, _, report = prepared(f"source={good}", f"md5={tmp_path / 'sums.json'}")
    assert "13 of 14 files agree" in report
    assert "**files that are not as published: 1**\n\n- 003.png" in report


def test_a_published_set_is_compared_with_its_counts_and_says_whose_it_is(good, prepared):
    _, _, report = prepared("data=metfaces", f"source={good}")
    assert report.startswith("# MetFaces\n\n- licence: CC BY-NC 2.0")
    assert "the published set has 1,336: 1,322 too few" in report
    assert "14 are not 1024 x 1024 as published" in report
    assert "published checksums: metfaces.json was not given" in report
    assert "9 lists were written beside the zip: metfaces-10-0.txt" in report


def test_pairs_become_two_zips_and_the_domain_reads_them(prepared, tmp_path):
    for name in ("photos", "sketches"):
        fill(tmp_path / "cufs" / name, range(14))
    words = "data=cufs", f"source={tmp_path / 'cufs'}", "data.photos=3", "data.splits=''"
    status, _, report = prepared(*words)
    assert status == 0
    made = PairsDomain(
        root=str(tmp_path / "out" / "cufs64"), pictures="sketches", photographs="photos",
        **{**HOW, "photos": 3},
    )  # fmt: skip
    assert made.split.origin == "list sketches-10-0"
    assert np.array_equal(made.photos().pixels, made.translations().pixels)
    assert "14 pairs, 3 of the people held out" in report
    assert "Too few pictures for" not in report
    assert sorted(p.name for p in (tmp_path / "out" / "cufs64").glob("*.zip")) == [
        "photos.zip", "sketches.zip",
    ]  # fmt: skip


def test_names_of_any_kind_stay_in_one_line_and_inside(prepared, tmp_path):
    root = fill(tmp_path / "mine", range(10))
    names = [os.fsdecode(b"\xff.png"), "a\nb.png", "[bold].png"]
    for seed, name in enumerate(names, 50):
        scene(seed).save(root / name)
        (root / f"x{name}").write_bytes((root / name).read_bytes())
    status, _, report = prepared(f"source={root}")
    assert status == 0
    assert "- x\\udcff.png, \\udcff.png" in report
    assert "- a\\nb.png, xa\\nb.png" in report
    assert len(files(tmp_path / "out" / "mine64.zip")) == 13
    assert domain(tmp_path / "out" / "mine64.zip").split.origin == "list mine64-10-0"
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        for i, name in enumerate(("../a.png", "/b.png", "c/../../d.png")):
            archive.writestr(name, (root / f"00{i}.png").read_bytes())
    before = {path for path in tmp_path.rglob("*") if "out" not in path.parts}
    assert prepared(f"source={tmp_path / 'evil.zip'}")[0] == 0
    assert {path for path in tmp_path.rglob("*") if "out" not in path.parts} == before
    assert not (tmp_path.parent / "a.png").exists()


def test_too_few_pictures_for_ten_shots_is_said(prepared, tmp_path):
    _, _, report = prepared(f"source={fill(tmp_path / 'nine', range(9))}")
    assert "Too few pictures for 10 shots." in report
    assert "6 lists were written" in report


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data=metfaces"], "source must be given: source=PATH. Download images.zip"),
        (["source=/nowhere"], "/nowhere does not exist"),
        (["source=.", "data=nothing"], "There is no data 'nothing'; the choices are aahq, afhq"),
        (["source=.", "data=parafaces_webtoon"], "nothing to prepare"),
        (["source=.", "data.filter=nearest"], "data.filter=nearest must be lanczos, bicubic"),
        (["source=.", "data.framing=stretch"], "data.framing=stretch must be crop or fit"),
        (["source=.", "data.box=[0,0,2,1]"], "data.box.2=2 must be at most 1"),
        (["source=.", "data.box=5"], "data.box=5 must be a list"),
        (["source=.", "data.box=[left,0,1,1]"], "data.box.0=left is no number"),
        (
            ["source=.", "data.reference_minimum=few"],
            "reference_minimum=few must be a whole number",
        ),
        (["source=.", "data.skip_broken=no"], "data.skip_broken=no must be true or false"),
        (["source=.", "resolutoin=3"], "resolutoin"),
        (["source=.", "data.resolution=32"], "data.resolution counts in a run only"),
        (["nonsense"], "'nonsense' is no word like data=NAME"),
        (["source=.", "md5=/no/list"], "md5=/no/list is no file"),
    ],
)
def test_what_a_user_mistypes_is_one_sentence(prepared, tmp_path, words, said):
    here = fill(tmp_path / "some", range(1), 16)
    status, text, _ = prepared(*(word.replace("source=.", f"source={here}") for word in words))
    assert status == 2
    assert said in text
    assert len(text.strip().splitlines()) == 1


def test_a_set_with_too_few_pictures_beside_its_shots_is_said_to_have_no_reference(good, prepared):
    _, _, report = prepared(f"source={good}")
    assert "there is no reference: beside 10 shots 4 pictures are left, and one needs 50" in report
    _, _, report = prepared(f"source={good}", "data.reference_minimum=4")
    assert "the reference is the set less the shots" in report
    _, _, report = prepared(f"source={good}", f"data.reference_root={good}")
    assert "the reference is a set of its own" in report


def test_lists_that_fit_only_in_part_end_in_a_sentence(good, prepared, tmp_path):
    assert prepared(f"source={good}")[0] == 0
    listed = (tmp_path / "out" / "mine64-10-0.txt").read_text().splitlines()[-1].split()[1]
    (good / listed).unlink()
    status, said, report = prepared(f"source={good}")
    assert status == 2
    assert "of its lists of shots fit only in part, and a run refuses those" in said
    assert "lacks 1 of the 10 files of the list" in report
