"""What a run writes, and that a record and its folder are never of different pictures."""

import copy

import pytest
from PIL import Image

from benchmarks.harness.io import contact_sheet
from benchmarks.harness.records import results
from benchmarks.harness.records.record import Record
from benchmarks.harness.records.results import Ending, to_repeat, write_results
from benchmarks.harness.records.run_id import SHEET, RunId
from core.errors import UserError
from tests.helpers.records import record

SHEET_OF_THREE = Image.new("RGB", (3, 3))


def made(value=0.5, **more):
    return Record.from_json(record("good", "d", 0, value, tolerance=0.25) | more)


@pytest.fixture
def run_id(tmp_path):
    return RunId({}, {}, tmp_path / "out" / "a", tmp_path / "runs" / "a.json")


@pytest.fixture(autouse=True)
def _plain_sheets(monkeypatch):
    monkeypatch.setattr(contact_sheet, "save", lambda path, sheet: path.write_bytes(b"sheet"))


@pytest.mark.parametrize(
    ("again", "ending", "written"),
    [
        (made(0.5), Ending.FINISHED, True), (made(0.6), Ending.FINISHED, True),
        (made(0.9), Ending.DIFFERS, False), (made(metrics={}), Ending.DIFFERS, False),
        (made(state="failed", reason="nan", metrics={}), Ending.FAILED, False),
    ],
)  # fmt: skip
def test_a_repetition_never_touches_the_record_nor_a_folder_that_is_there(
    run_id, again, ending, written
):
    earlier = made(0.5)
    earlier.write(run_id.published)
    before = run_id.published.read_bytes()
    assert write_results(run_id, again, SHEET_OF_THREE, {}, earlier) is ending
    assert run_id.published.read_bytes() == before
    assert (run_id.folder / SHEET).is_file() == written
    run_id.folder.mkdir(parents=True, exist_ok=True)
    (run_id.folder / SHEET).write_bytes(b"mine")
    assert write_results(run_id, again, SHEET_OF_THREE, {}, earlier) is ending
    assert (run_id.folder / SHEET).read_bytes() == b"mine"


def test_a_run_that_is_killed_while_it_replaces_leaves_no_record_of_other_pictures(
    run_id, monkeypatch
):
    made(0.5).write(run_id.published)

    def killed(path, sheet):
        raise KeyboardInterrupt

    monkeypatch.setattr(results.contact_sheet, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        write_results(run_id, made(0.9), SHEET_OF_THREE, {}, None)
    assert not run_id.published.exists()


def test_a_record_is_repeated_only_where_it_is_of_the_same_things(run_id):
    assert to_repeat(run_id, {"shots_sha256": "a"}) is None
    node = copy.deepcopy(made().to_json())
    node["provenance"]["shots_sha256"] = "a"
    mixed = {"trainer": {"precision": "bf16-mixed"}}
    node["config"]["machine"] = mixed
    Record.from_json(node).write(run_id.published)
    same = {"shots_sha256": "a", "arithmetic": {"precision": "bf16-mixed"}}
    assert to_repeat(run_id, same).to_json() == node
    for other, why in (({"shots_sha256": "b"}, "shots"), ({"arithmetic": {}}, "precision")):
        with pytest.raises(UserError, match=f"another run, for the {why}.*existing=replace"):
            to_repeat(run_id, same | other)
    failed = node | {"state": "failed", "reason": "nan", "metrics": {}}
    Record.from_json(failed).write(run_id.published)
    assert to_repeat(run_id, {"shots_sha256": "b"}) is None  # a failed one is written over


def test_numbers_are_shown_beside_those_of_the_source(capsys):
    shown = made(0.5).metrics
    results.print_metrics(shown, dict.fromkeys(shown, 0.75))
    lines = capsys.readouterr().out.splitlines()
    for name in shown:
        (row,) = (line for line in lines if f" {name} " in line)
        assert "0.5000" in row
        assert "0.7500" in row
