"""Sweeps: which cells, in which order, by whom; and what is left when somebody kills them."""

import copy
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.grid import CompositionGrid
from benchmarks.harness.config.validation import choices_of
from benchmarks.harness.io.locks import alone
from benchmarks.harness.records.record import Record
from benchmarks.harness.sweep import display, loop, runner
from benchmarks.harness.sweep.plan import Job, Plan, plan
from benchmarks.harness.sweep.runner import Clock, State
from core.errors import UserError
from core.paths import ROOT

STANDIN = (sys.executable, "-S", str(ROOT / "tests" / "helpers" / "standin.py"))
TEMPLATE = next((ROOT / "results" / "runs").glob("*.json"))
TINY = ("source=tiny", "eval=smoke", "data=parafaces_clay")


def names(planned):
    return [job.name for job in planned.jobs]


def test_a_cell_of_a_sweep_is_the_cell_of_the_run(tmp_path):
    words = (*TINY, "method=freezesg", "method.lr=0.01", f"folder={tmp_path}")
    planned = plan([*words, "seed=0,2"])
    for job, seed in zip(planned.jobs, (0, 2), strict=True):
        run_id = compose([*words, f"seed={seed}"]).run_id
        assert (job.folder, job.published) == (run_id.folder, run_id.published)
        assert job.words == (*words, f"seed={seed}")
    assert planned.axes == [("seed", ["seed=0", "seed=2"])]


@pytest.mark.exhaustive  # Hydra takes 0.2 s for each
@pytest.mark.parametrize(
    ("group", "other"), [("method", "data=parafaces_clay"), ("data", "method=scratch")]
)
def test_files_of_a_grid_are_merged_as_hydra_merges_them(group, other):
    grid = CompositionGrid()
    for name in choices_of(group):
        words = ["source=tiny", f"{group}={name}", other]
        one, two = grid(words), compose(words)
        assert one.cfg == two.cfg
        assert (one.choices, one.words) == (two.choices, two.words)


def test_a_glob_leaves_out_what_makes_no_table_and_says_why():
    planned = plan([*TINY[:2], "method=glob([sc*,st*,p*])", "data=glob([_*,parafaces_p*,folder])"])
    assert {job.point["method"] for job in planned.jobs} == {"structure", "structure_released"}
    assert {job.words[-1] for job in planned.jobs} == {"data=parafaces_popart"}
    assert planned.left_out["method=scratch"].startswith("it makes a source")
    assert "abstract" in planned.left_out["data=_parafaces"]
    assert planned.left_out["data=folder"] == "data.root must be given"
    assert planned.left_out["data=parafaces_photo"] == "a source is made of it"


def test_a_training_comes_before_what_is_swapped_from_it():
    planned = plan([*TINY, "method=structure", "swap.resolution=8,16,0"])
    first, *rest = planned.jobs
    assert not first.swapped
    assert all(job.swapped and job.whole == first.name for job in rest)
    assert all(job.training == first.folder for job in rest)


def test_a_cell_that_is_refused_is_left_out_with_its_sentence():
    planned = plan([*TINY, "method=finetune,structure", "method.structure_weight=2"])
    assert [job.method for job in planned.jobs] == ["structure"]
    (why,) = planned.left_out.values()
    assert "structure_weight" in why


@pytest.mark.parametrize(
    "words",
    [
        ["existing=replace"],
        ["hydra/launcher=basic"],
        ["seed=-1"],
        ["seed=4294967296"],
        ["seed=interval(0,1)"],
    ],
)
def test_what_is_no_sweep_is_refused(words):
    with pytest.raises(UserError):
        plan([*TINY, *words])


def job(root, name, *, whole="", seconds="0.05", fate="end"):
    folder, published = root / "out" / name, root / "runs" / f"{name}.json"
    return Job(
        words=(str(folder), str(TEMPLATE), str(published), seconds, fate),
        point={"method": name},
        method="m",
        folder=folder,
        published=published,
        training=root / "out" / (whole or name),
    )


def started(jobs, slots=1, again=False, report=lambda job, status: None):
    return runner.Runner(jobs, slots=slots, gpus=[], again=again, report=report)


@pytest.fixture
def _standin(monkeypatch):
    monkeypatch.setattr(runner, "RUN", STANDIN)
    monkeypatch.setattr(loop, "LOOK_S", 0.01)


def states(done):
    return {name: status.state for name, status in done.status.items()}


@pytest.mark.usefixtures("_standin")
def test_a_sweep_goes_on_after_a_cell_without_a_record_and_says_what_it_said(tmp_path):
    jobs = [job(tmp_path, "a", fate="refuse"), job(tmp_path, "b")]
    done = started(jobs)
    assert loop.loop(Plan(jobs), done, None) == 0
    assert states(done) == {"a": State.BROKEN, "b": State.FINISHED}
    assert done.status["a"].reason == "this cannot be run."


@pytest.mark.usefixtures("_standin")
def test_what_is_swapped_waits_for_its_training_and_is_blocked_without_it(tmp_path):
    order = []
    jobs = [
        job(tmp_path, "a"), job(tmp_path, "a8", whole="a"), job(tmp_path, "a16", whole="a"),
        job(tmp_path, "b", fate="refuse"), job(tmp_path, "b8", whole="b"),
    ]  # fmt: skip

    def report(cell, status):
        order.append((cell.name, status.state))

    done = started(jobs, slots=5, report=report)
    loop.loop(Plan(jobs), done, None)
    running = [name for name, state in order if state is State.RUNNING]
    assert [name for name in running if name.startswith("a")] == ["a", "a8", "a16"]
    for earlier, later in (("a", "a8"), ("a8", "a16")):
        begun, ended = (later, State.RUNNING), (earlier, State.FINISHED)
        assert order.index(ended) < order.index(begun)
    assert done.status["b8"].state is State.BLOCKED


@pytest.mark.usefixtures("_standin")
def test_failed_cells_are_shown_and_repeated_only_when_asked(tmp_path):
    record = copy.deepcopy(Record.read(TEMPLATE).to_json())
    record |= {"state": "failed", "reason": "loss_g is nan.", "metrics": {}}
    cell = job(tmp_path, "a")
    Record.from_json(record).write(cell.published)
    done = started([cell])
    assert done.over()
    assert done.status["a"].reason == "loss_g is nan."
    again = started([cell], again=True)
    assert loop.loop(Plan([cell]), again, None) == 0
    assert states(again) == {"a": State.FINISHED}
    assert Record.read(cell.published).to_json().get("state") != "failed"


@pytest.mark.usefixtures("_standin")
def test_cells_whose_record_is_of_other_files_are_shown_and_repeated_only_when_asked(tmp_path):
    cell, other = job(tmp_path, "a"), {"shots_sha256": "other"}
    cell = cell._replace(content=lambda: {} if (cell.folder / "written").exists() else other)
    Record.read(TEMPLATE).write(cell.published)
    done = started([cell])
    assert states(done) == {"a": State.OTHER}
    assert done.over()
    assert done.status["a"].reason == "the shots were others"
    again = started([cell], again=True)
    assert loop.loop(Plan([cell]), again, None) == 0
    assert states(again) == {"a": State.FINISHED}
    assert lines([cell], "written") == [1]


def test_what_a_cell_is_made_of_is_what_its_record_says(tmp_path):
    planned = plan(["method=freezesg,cdc", "data=parafaces_webtoon", "seed=0", "folder=results"])
    for cell in planned.jobs:  # whose id may have become another since its record was made
        name = (
            f"{cell.published.stem.partition('--')[0]}--parafaces_webtoon--parafaces64--*--s0.json"
        )
        (path,) = (ROOT / "results" / "runs").glob(name)
        then = Record.read(path).content
        assert then["weights_sha256"] == cell.content()["weights_sha256"]
        assert cell.content()["arithmetic"] == then["arithmetic"] == {}
        assert cell.content()["method_sha256"]
    tight = ["source=photo64", "eval=faces", "data=metfaces_tight", "method=cdc", "seed=0"]
    (cell,) = plan([*tight, f"data.root={tmp_path}/nowhere"]).jobs
    assert "shots_sha256" not in cell.content()  # what is not here contradicts no record


@pytest.mark.usefixtures("_standin")
def test_a_cell_that_a_plain_run_is_at_is_left_to_it(tmp_path):
    jobs = [job(tmp_path, "a"), job(tmp_path, "b")]
    done = started(jobs)
    with alone(jobs[0].folder):
        done.step()
        assert done.status["a"].state is State.ELSEWHERE
        assert done.status["b"].state is State.RUNNING
    assert loop.loop(Plan(jobs), done, None) == 0
    assert set(states(done).values()) == {State.FINISHED}


def begin(jobs, slots):
    """A sweep as a process of its own."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            status = loop.loop(Plan(jobs), started(jobs, slots), None)
        finally:
            os._exit(status)
    return pid


def cells_of(pid):
    """The processes that a sweep has started, which may be over by now."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(stat.parent.name))
    return found


def kill(pid, rng):
    """The sweep, and in half of the cases what it runs."""
    for victim in (pid, *(cells_of(pid) if rng.random() < 0.5 else [])):
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            continue
    os.waitpid(pid, 0)


def lines(jobs, name):
    return [len((j.folder / name).read_text().split()) for j in jobs if (j.folder / name).exists()]


@pytest.mark.exhaustive
@pytest.mark.usefixtures("_standin")
def test_every_cell_ends_with_one_record_however_often_the_sweep_is_killed(tmp_path):
    cells, kills = 100, 16
    rng = random.Random(kills)
    jobs = [job(tmp_path, f"c{i:03}", seconds="0.1") for i in range(cells)]
    for _ in range(kills):
        pid = begin(jobs, 2)
        time.sleep(rng.uniform(0.02, 0.4))
        kill(pid, rng)
    assert len(list(tmp_path.glob("runs/*.json"))) < cells  # each kill met work to be done
    done = started(jobs, 2)
    assert loop.loop(Plan(jobs), done, None) == 0
    assert len(list(tmp_path.glob("runs/*.json"))) == cells
    for cell in jobs:
        assert Record.read(cell.published).to_json() == json.loads(TEMPLATE.read_text())
    assert max(lines(jobs, "written")) == 1
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.usefixtures("_standin")
def test_two_sweeps_share_the_work_and_do_nothing_twice(tmp_path):
    jobs = [job(tmp_path, f"c{i:02}") for i in range(16)]
    pids = [begin(jobs, 2), begin(jobs[::-1], 2)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0, 0]
    assert lines(jobs, "begun") == [1] * 16
    assert lines(jobs, "written") == [1] * 16


@pytest.mark.usefixtures("_standin")
def test_a_signal_reaches_the_cells_and_the_same_command_goes_on(tmp_path):
    jobs = [job(tmp_path, "a", seconds="20"), job(tmp_path, "b")]
    pid = begin(jobs, 1)
    while not (jobs[0].folder / "begun").exists():
        time.sleep(0.01)
    (cell,) = cells_of(pid)
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(cell, 0)
    with alone(jobs[0].training):  # nobody is at it any more
        pass


def test_the_time_left_goes_by_what_was_seen_and_before_that_by_records(tmp_path):
    cells = [job(tmp_path, name) for name in "abc"]
    done = started(cells, slots=2)
    assert display.duration(done.left()) == "?"
    done.clock = Clock(2)
    done.clock.record(cells[0], 60.0)
    assert done.left() == pytest.approx(90.0)
    done.clock.observe(cells[0], 40.0)
    assert done.left() == pytest.approx(60.0)
    assert [display.duration(s) for s in (59, 600, 9000)] == ["59 s", "10 min", "2.5 h"]


def test_the_grid_shows_a_mark_for_every_seed_and_escapes_what_is_named(tmp_path):
    planned = plan([*TINY[:2], "method=finetune,structure", "seed=0,1",
                    "data=parafaces_clay,parafaces_popart", f"folder={tmp_path}"])  # fmt: skip
    done = started(planned.jobs)
    done.status[planned.jobs[0].name].state = State.FINISHED
    done.set(planned.jobs[-1], State.BROKEN, "\x1b[31m[red]why")
    with loop.console.capture() as shown:
        loop.console.print(display.picture(planned, done, loop.console))
    said = shown.get()
    marks = "✓·" if (loop.console.encoding or "").startswith("utf") else "+."
    assert marks in said
    assert "popart" in said
    assert "\x1b[31m" not in said
    assert "[red]why" in said
