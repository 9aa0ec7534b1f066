"""The gallery: the people that a rule finds, every picture in its place, and none that is half."""

import json
from itertools import product
from math import ceil

import numpy as np
import pytest
import torch
from PIL import Image, ImageFont

from benchmarks import gallery, parafaces
from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.files import plain
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.io.contact_sheet import GAP, PAPER, to_uint8
from benchmarks.harness.records.run_id import RECORD, WEIGHTS
from benchmarks.harness.report import people_gallery
from benchmarks.harness.report.people_gallery import FONT_SIZE, GROUP_GAP, MARGIN, PEOPLE, TILE
from core.errors import UserError
from core.paths import ROOT
from tests.helpers import pages, runs

RULE = plain(PEOPLE)["people"]
STYLES = "disney", "webtoon"
NAMES = [f"{method}--parafaces_{s}" for method in ("freezesg", "finetune") for s in STYLES]
SMALL = "data.reference=2", "data.photos=60", "data.pairs=2", "source=parafaces64"


def held_out(n):
    ids = np.arange(n) + parafaces.PEOPLE["test"].start
    return parafaces.parameters(ids, np.zeros_like(ids))


def values(person):
    return dict(zip(parafaces.NAMES, person.tolist(), strict=True))


def test_the_people_are_the_first_with_one_trait_and_no_other():
    people = held_out(60)
    first = {}
    for i, person in enumerate(map(values, people)):
        traits = [t for t, (name, low, high) in RULE.items() if low <= abs(person[name]) <= high]
        if len(traits) == 1:
            first.setdefault(traits[0], i)
    assert people_gallery.chosen(people) == first
    assert [*people_gallery.chosen(people)] == [*RULE]
    assert people_gallery.chosen(held_out(200)) == first  # more people change nobody


def test_the_people_differ_in_what_the_traits_say():
    people = held_out(60)
    who = people_gallery.chosen(people)
    shown = {trait: values(people[i]) for trait, i in who.items()}
    assert len(set(who.values())) == 6
    skins = {trait: person["skin_tone"] for trait, person in shown.items()}
    assert min(skins, key=skins.get) == "light skin"
    assert max(skins, key=skins.get) == "dark skin"
    assert [trait for trait, person in shown.items() if person["glasses"]] == ["glasses"]
    hair = {trait: person["hair_length"] for trait, person in shown.items() if not person["bald"]}
    assert max(hair, key=hair.get) == "long hair"
    turned = {trait: abs(person["yaw"]) for trait, person in shown.items()}
    assert max(turned, key=turned.get) == "three-quarter view"
    bearded = {trait: person["beard"] for trait, person in shown.items()}
    assert max(bearded, key=bearded.get) == "beard"


def test_a_trait_that_nobody_shows_alone_is_named():
    with pytest.raises(UserError, match="None of the 5 held-out people shows beard alone"):
        people_gallery.chosen(held_out(5))


@pytest.mark.parametrize("side", [64, 128])
@pytest.mark.parametrize(("styles", "methods"), [(1, 1), (2, 3), (3, 2)])
def test_every_picture_stands_where_its_row_and_column_say(side, styles, methods):
    labels = ["photo", *(f"method {i}" for i in range(methods)), "truth"]
    tones = np.random.default_rng(0).integers(0, 256, (styles, len(labels), 6, 3), np.uint8)
    flat = tones[:, :, :, None, None].repeat(side, 3).repeat(side, 4)
    blocks = {f"style {s}": dict(zip(labels, flat[s], strict=True)) for s in range(styles)}
    sheet = np.asarray(people_gallery.draw(blocks))
    font = ImageFont.load_default(FONT_SIZE)
    left = 2 * MARGIN + ceil(max(map(font.getlength, labels)))
    top = 2 * MARGIN + FONT_SIZE
    wide, high = 6 * (TILE + GAP) - GAP, len(labels) * (TILE + GAP) - GAP
    width = left + styles * (wide + GROUP_GAP) - GROUP_GAP + MARGIN
    assert sheet.shape == (top + high + 2 * GROUP_GAP + MARGIN, width, 3)
    covered = np.zeros(sheet.shape[:2], bool)
    for s, row, person in np.ndindex(tones.shape[:3]):
        x = left + s * (wide + GROUP_GAP) + person * (TILE + GAP)
        y = top + row * (TILE + GAP) + GROUP_GAP * ((row > 0) + (row == len(labels) - 1))
        assert (sheet[y : y + TILE, x : x + TILE] == tones[s, row, person]).all()
        covered[y : y + TILE, x : x + TILE] = True
    assert (sheet[top:, left:][~covered[top:, left:]] == PAPER).all()
    assert (sheet[:MARGIN] == PAPER).all()
    assert (sheet[:, :MARGIN] == PAPER).all()
    for row in range(len(labels)):  # each has its words beside it
        y = top + row * (TILE + GAP) + GROUP_GAP * ((row > 0) + (row == len(labels) - 1))
        assert (sheet[y : y + TILE, :left] < 128).any()


def test_pictures_of_128_px_are_shown_as_they_are():
    noise = np.random.default_rng(0).integers(0, 256, (6, TILE, TILE, 3), np.uint8)
    sheet = np.asarray(people_gallery.draw({"style": {"photo": noise, "truth": noise[::-1]}}))
    right = sheet[-MARGIN - TILE : -MARGIN, -MARGIN - TILE : -MARGIN]
    assert (right == noise[0]).all()


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """Folder of results, and adapter and configuration of two methods in two styles, by both."""
    results = tmp_path_factory.mktemp("results")
    left = {}
    for seed, (method, style) in enumerate(product(("freezesg", "finetune"), STYLES)):
        data, words = f"parafaces_{style}", (*SMALL, f"machine.cache={results}")
        cfg = compose([f"method={method}", f"data={data}", f"seed={seed}", *words]).cfg
        *_, adapter = runs.finished(results, cfg, method, data, "parafaces64")
        left[method, style] = adapter.eval(), cfg
    return results, left


@pytest.fixture(scope="module")
def shown(four):
    return people_gallery.gallery(NAMES, four[0])


def test_rows_are_what_the_evaluation_shows_of_these_people(four, shown):
    _, left = four
    assert [*shown.blocks] == [*STYLES]
    who = [*shown.people.values()]
    for style, rows in shown.blocks.items():
        assert [*rows] == ["photo", "freezesg", "finetune", "truth"]
        domain = build(left["freezesg", style][1].data)
        assert (rows["photo"] == domain.photos().pixels[who]).all()
        assert (rows["truth"] == domain.translations().pixels[who]).all()
        for method in ("freezesg", "finetune"):
            adapter, _ = left[method, style]
            with torch.no_grad():
                made = to_uint8(adapter.stylise(as_images(rows["photo"])))
            assert np.abs(rows[method].astype(int) - made).max() <= 1
        assert np.abs(rows["freezesg"].astype(int) - rows["finetune"]).mean() > 5


def test_the_command_writes_a_picture_that_names_its_runs(four, shown, tmp_path, capsys):
    path = tmp_path / "gallery.jpg"
    assert gallery.main([NAMES[0], "--folder", str(four[0]), "--to", str(path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for trait, number in people_gallery.chosen(held_out(60)).items():
        assert f" {number} ({trait})" in said
    rows = shown.blocks[STYLES[0]]
    drawn = people_gallery.draw({STYLES[0]: {r: rows[r] for r in ("photo", "freezesg", "truth")}})
    with Image.open(path) as picture:
        assert picture.info["comment"].decode() == shown.runs[0]
        assert picture.size == drawn.size
        gaps = np.abs(np.asarray(picture, float) - np.asarray(drawn, float))
    assert gaps.mean() < 6  # grey levels that a JPEG loses
    assert [name.rsplit("--", 3)[0] for name in shown.runs] == NAMES


def untrained(method="freezesg", data="parafaces_webtoon", **changed):
    """A record, sound but for what a test changes; ``config`` is merged into it."""
    config = {"source": {"resolution": 64}, "data": {"style": data.removeprefix("parafaces_")}}
    return pages.record(method, data, 0, 0.1, config=config | changed.pop("config", {})) | changed


def put(folder, *records):
    """Runs with weights that are never read; their names."""
    for i, record in enumerate(records):
        place = folder / f"{i}"
        place.mkdir()
        (place / RECORD).write_text(json.dumps(record), encoding="utf-8")
        (place / WEIGHTS).write_bytes(b"")
    return [str(folder / f"{i}") for i in range(len(records))]


PROVENANCE = untrained()["provenance"]
WRONG = {
    "missing": (
        [untrained(), untrained("jojogan"), untrained(data="parafaces_disney")],
        "No run of jojogan on parafaces_disney is named",
    ),
    "twice": ([untrained(), untrained(seed=1)], "are both freezesg on parafaces_webtoon"),
    "other source": (
        [untrained(), untrained("jojogan", source="tiny")],
        r"of the source tiny \(x\) of 64 px, .* of the source parafaces64 \(x\) of 64 px",
    ),
    "other weights": (
        [untrained(), untrained("jojogan", provenance=PROVENANCE | {"weights_sha256": "y"})],
        r"parafaces64 \(y\) of 64 px, .* parafaces64 \(x\) of 64 px",
    ),
    "other resolution": (
        [untrained(), untrained("jojogan", config={"source": {"resolution": 128}})],
        r"\(x\) of 128 px, .* \(x\) of 64 px",
    ),
    "other shots": (
        [untrained(), untrained("jojogan", provenance=PROVENANCE | {"shots_sha256": "y"})],
        "of the shots y of parafaces_webtoon, .* of the shots",
    ),
    "failed": ([untrained(state="failed", reason="loss is nan")], "failed: loss is nan"),
    "no truth": (
        [untrained(data="metfaces", config={"data": {}})],
        "is of metfaces: the gallery shows the people of ParaFaces",
    ),
}


@pytest.mark.parametrize(("records", "sentence"), WRONG.values(), ids=WRONG)
def test_runs_that_make_no_whole_picture_are_refused(tmp_path, records, sentence):
    with pytest.raises(UserError, match=sentence):
        people_gallery.gallery(put(tmp_path, *records), tmp_path)


def test_weights_without_a_record_are_refused(four, tmp_path):
    results, _ = four
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(next(results.glob(f"out/*/{WEIGHTS}")).read_bytes())
    with pytest.raises(UserError, match=r"alone.safetensors has no record"):
        people_gallery.gallery([str(alone)], results)


def test_a_source_that_knows_nobody_shows_nobody(composed, tmp_path):
    data = "parafaces_webtoon"
    cfg = composed("method=finetune", f"data={data}", "data.photos=60", f"machine.cache={tmp_path}")
    folder, *_ = runs.finished(tmp_path, cfg, "finetune", data, "tiny")
    with pytest.raises(UserError, match="has no trained source that could invert a photo"):
        people_gallery.gallery([str(folder)], tmp_path)


@pytest.mark.parametrize("name", ["gallery.png", "gallery"])
def test_a_picture_of_another_kind_is_refused_before_any_work(tmp_path, capsys, name):
    assert gallery.main(["no such run", "--to", str(tmp_path / name)]) == 2
    assert f"{name}: the gallery is a JPEG" in capsys.readouterr().err


def test_the_committed_picture_is_small():
    assert (ROOT / "results" / "readme" / "gallery.jpg").stat().st_size < 500_000
