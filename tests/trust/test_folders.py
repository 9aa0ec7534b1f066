"""Run folders from strangers: whatever lies in them is shown or refused in one sentence, and is
neither waited for nor built from, and nothing is written beside what was asked for.
"""

import copy
import functools
import json
import operator
import os

import pytest
from PIL import Image, PngImagePlugin

from benchmarks import leaderboard, report, tiles
from benchmarks.harness.export.export import save_samples
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.records.record import Record
from benchmarks.harness.report import strip_files
from benchmarks.harness.report.strip_maker import StripMaker
from core import regular
from core.errors import UserError
from tests.helpers import pages

VALUES = (
    None,
    [],
    {},
    "x",
    -1,
    True,
    1e308,
    2**70,
    [[["x"]]],
    {"_target_": "os.system"},
    "\x1b[31m",
)
PLACES = ("config.machine", "config.machine.trainer", "config.data.draw", "config.method._target_",
          "config.method.betas", "config.eval.metrics", "metrics", "curves", "of", "overrides",
          "provenance.dirty", "cost.seconds", "left_out", "warnings")  # fmt: skip


def shown(capsys, folder, node):
    """What tables and page say of one record, which end well or are refused in a sentence."""
    (folder / "runs").mkdir(exist_ok=True)
    (folder / "runs" / "one.json").write_text(json.dumps(node), encoding="utf-8")
    for words in (["--format", "markdown"], ["--format", "latex"], ["--format", "csv"]):
        refused = leaderboard.main(["--folder", str(folder), *words])
        said = capsys.readouterr()
        assert refused in (0, 2)
        assert "\x1b" not in said.out + said.err
        if refused:
            assert len(said.err.splitlines()) == 1
            return
    assert report.main(["--folder", str(folder)]) == 0


@pytest.mark.parametrize("place", PLACES)
def test_a_value_of_another_kind_is_shown_or_refused(tmp_path, capsys, place):
    record = pages.record("good", "parafaces_a", 0, 0.1)
    record["config"]["machine"] = {"trainer": {}}
    *branches, last = place.split(".")
    for value in VALUES:
        node = copy.deepcopy(record)
        functools.reduce(operator.getitem, branches, node)[last] = value
        shown(capsys, tmp_path, node)


def test_a_table_of_runs_that_all_failed_is_one(tmp_path, capsys):
    failed = pages.record("torn", "d", 0, 0.1, metrics={}, state="failed", reason="loss is nan")
    Record.from_json(failed).write(tmp_path / "runs" / "one.json")
    assert leaderboard.main(["--folder", str(tmp_path)]) == 0
    assert "| torn |" in capsys.readouterr().out


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def endless(path):
    with path.open("wb") as file:
        file.truncate(regular.LARGEST + 1)  # of holes: it takes no room


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="only Unix has pipes in folders")
@pytest.mark.parametrize("put", [pipe, device, endless])
def test_what_is_no_file_or_too_large_is_not_waited_for(tmp_path, put):
    path = tmp_path / "x"
    put(path)
    with pytest.raises(OSError, match=r"it (is no regular file|has more than 67,108,864 bytes)$"):
        regular.read(path)
    with pytest.raises(UserError, match="is not a readable record: it "):
        Record.read(path)
    assert not save_samples(path, tmp_path / "samples.png")
    sprites = strip_files.Sprites({"x": path})
    assert sprites.get("x") is None
    assert sprites.unread == ["x"]


@pytest.mark.parametrize(
    "says",
    [
        '{"tile": 1, "bands": [[], [[0, 1000000000]]]}',
        '{"tile": 1e300, "bands": [[], [[0, 1]]]}',
        '{"tile": NaN, "bands": []}',
        '{"tile": Infinity, "bands": []}',
        '{"tile": -5, "bands": [[], [[0, 1]]]}',
        '{"tile": 9, "bands": [[], [[0, -1]]]}',
        '{"tile": 9, "bands": 1}',
        '{"tile": 9, "bands": [[], [[0, 3]' + 200 * ", [0, 3]" + "]]}",
        '{"tile": "x"}',
        "[]",
        "[" * 5000,
    ],
    ids=range(11),
)
def test_a_sheet_is_cut_only_where_it_has_pictures(tmp_path, says):
    about = PngImagePlugin.PngInfo()
    about.add_text(contact_sheet.STRIPS, says)
    Image.new("RGB", (30, 30)).save(tmp_path / "sheet.png", pnginfo=about)
    with pytest.raises(ValueError, match=r"^(it does not say|its pictures lie)"):
        contact_sheet.cut(tmp_path / "sheet.png")
    assert not save_samples(tmp_path / "sheet.png", tmp_path / "samples.png")


@pytest.mark.parametrize("of", ["../x", "/tmp/x", "..", "a/../../b", "a\\..\\b"])
def test_the_whole_run_of_a_row_lies_beside_it(of):
    with pytest.raises(ValueError, match="of: it is no name of a run"):
        Record.from_json(pages.record("good", "d", 0, 0.1, of=of))


def test_a_strip_is_not_written_where_a_records_name_points(tmp_path):
    evil = f"/../..{tmp_path}/evil"
    node = pages.record("good", "d", 0, 0.1, source=evil, overrides=["source.name=x"])
    maker = StripMaker(tmp_path / "out", tmp_path / "to", again=True)
    with pytest.raises(UserError, match="its record is of another run"):
        maker.make(tmp_path / "out" / "good--d--x", Record.from_json(node))
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_shots_is_named_and_lies_nowhere_else(styleshift, tmp_path):
    status, said = styleshift("data.splits=../../etc/passwd")
    assert status == 2
    assert "data.splits=../../etc/passwd is no name of a list." in said
    assert not (tmp_path / "results" / "runs").exists()


def test_one_unsound_record_is_named_by_tiles(tmp_path, capsys):
    for path in (tmp_path / "out" / "a" / "record.json", tmp_path / "runs" / "a.json"):
        path.parent.mkdir(parents=True)
        path.write_text("[" * 10_000, encoding="utf-8")
    (tmp_path / "out" / "a" / "generator.safetensors").touch()
    assert tiles.main(["--folder", str(tmp_path)]) == 2
    assert "is not a readable record: recursion limit" in capsys.readouterr().err
