"""The picture of the README: the right people in the right places, and equal to the records."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness.report import readme_gallery, strip_files
from benchmarks.harness.report.readme_gallery import GAP, GROUP_GAP, LABEL, STYLES, TILE
from core.errors import UserError
from core.paths import ROOT

RESULTS = ROOT / "results"
KID = {"weak": 0.03, "good": 0.01}
RED = {"photo": 0, "good": 50, "weak": 100, "truth": 150, "another seed": 200}


def coloured(tiles):
    """A strip of plain tiles [N, 3] without loss."""
    side = strip_files.SIDE
    out = io.BytesIO()
    row = np.asarray(tiles, np.uint8)[None].repeat(side, 0).repeat(side, 1)
    Image.fromarray(row).save(out, "WEBP", lossless=True)
    return out.getvalue()


def colour(label, style, i):
    """Another one for every tile of every strip."""
    return (RED[label], STYLES.index(style) * 60, i * 20)


def record(method, style, seed):
    """A sound record: a committed one with other words."""
    path = next((RESULTS / "runs").glob("freezesg--parafaces_webtoon--parafaces64--*--s0.json"))
    sound = json.loads(path.read_text())
    sound |= {"method": method, "data": f"parafaces_{style}", "seed": seed}
    sound["metrics"] = {readme_gallery.METRIC: {"value": KID[method], "better": "lower", "n": 9}}
    return sound


@pytest.fixture
def folder(tmp_path):
    for part in ("runs", "tiles"):
        (tmp_path / part).mkdir()
    for style in STYLES:
        strips = {f"parafaces_{style}--parafaces64--0--source": "photo"}
        strips[f"parafaces_{style}--parafaces64--0--truth"] = "truth"
        for method in KID:
            for seed in (1, 0):
                name = f"{method}--parafaces_{style}--parafaces64--0--s{seed}"
                path = tmp_path / "runs" / f"{name}.json"
                path.write_text(json.dumps(record(method, style, seed)))
                strips[name] = "another seed" if seed else method
        for name, row in strips.items():
            tiles = [colour(row, style, i) for i in range(8 * (row == "truth"), 12)]
            (tmp_path / "tiles" / f"{name}.webp").write_bytes(coloured(tiles))
    return tmp_path


def test_rows_are_photographs_methods_by_distance_and_truth(folder):
    assert [*readme_gallery.rows(folder)] == ["photo", "good", "weak", "truth"]


def test_every_tile_stands_where_its_row_and_column_say(folder):
    rows = readme_gallery.rows(folder)
    sheet = np.asarray(readme_gallery.draw(rows))
    down = [TILE // 2 + i * (TILE + GAP) for i in range(len(rows))]
    down = [y + GROUP_GAP * ((i > 0) + (i == len(rows) - 1)) for i, y in enumerate(down)]
    top = 2 * readme_gallery.MARGIN + readme_gallery.FONT_SIZE
    for label, y in zip(rows, down, strict=True):
        for column, style in enumerate(STYLES):
            for person in range(4):
                x = LABEL + column * (4 * (TILE + GAP) + GROUP_GAP) + person * (TILE + GAP)
                shown = sheet[top + y, x + TILE // 2]
                assert tuple(shown) == colour(label, style, 8 + person)


def test_a_missing_strip_is_named(folder):
    path = folder / "tiles" / "good--parafaces_sketch--parafaces64--0--s0.webp"
    path.unlink()
    with pytest.raises(UserError, match=path.stem):
        readme_gallery.rows(folder)


def test_the_truth_of_a_style_must_be_one(folder):
    path = next((folder / "tiles").glob("parafaces_sketch--*--truth.webp"))
    path.rename(path.with_name("parafaces_sketch--parafaces64--1--truth.webp"))
    readme_gallery.rows(folder)
    path.write_bytes(b"")
    with pytest.raises(UserError, match="2 strips of sketch, truth"):
        readme_gallery.rows(folder)


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(UserError, match="no method"):
        readme_gallery.rows(tmp_path)


def test_the_committed_picture_is_made_of_the_committed_records(tmp_path):
    readme_gallery.write(tmp_path / "gallery.jpg", RESULTS)
    own, ours = (
        np.asarray(Image.open(path), dtype=float)
        for path in (tmp_path / "gallery.jpg", RESULTS / "readme" / "gallery.jpg")
    )
    assert own.shape == ours.shape
    assert np.abs(own - ours).mean() < 1  # grey level: versions of Pillow round differently


def test_the_committed_picture_is_small():
    assert (RESULTS / "readme" / "gallery.jpg").stat().st_size < 200_000
