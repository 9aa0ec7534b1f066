"""Two processes with half of every batch each are one process with all of it."""

import csv
import os
import re
import signal
import time
from multiprocessing import active_children
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.harness.records.record import Record

SECONDS = 600  # after which a run hangs, even on a machine that has much other work
BIG = ("method.batch_size=8", "eval.samples=8")
LONG = (*BIG, "machine=ddp", "method.images=40000", "checkpoint.every_kimg=0.016")
PATH = "method.path_length"
PATHS = (
    f"{PATH}._target_=core.losses.penalties.PathLength",
    f"{PATH}.every=2",
    f"+{PATH}.weight=2",
    f"+{PATH}.decay=0.01",
    f"+{PATH}.shrink=2",
)
SOON = "method.r1.every=2"
KEEN = "source.seed=2"  # an untrained D that happens to take reals for real: p rises at once
ADA = tuple(f"method.augment.{word}" for word in ("every=2", "kimg=0.1", "target=0"))
STAGES = (
    *(f"method.{place}_steps=2" for place in (
        "pretraining.transfer.phase", "pretraining.transfer.last", "pretraining.tuning.tuning",
        "pretraining.destylise.refine", "pretraining.destylise.code", "styles.sampler")),
    "method.pretraining.destylise.encode.candidates=16",
    "method.chunk=8",
    "method.refine_from=24",
)  # fmt: skip
# Every method's weights are compared in tests/test_adapters.py; these go through a whole run, with
# path length, adaptive augmentation and stages.
LINES = {
    "freezed": (SOON, KEEN, "method.lr=0.005", "method.frozen_d=[]", *ADA, *PATHS),
    "dualstylegan": (SOON, *STAGES),
}


@pytest.fixture(autouse=True)
def _limited():
    """Whatever hangs ends: the run in this process is interrupted, and what it started killed."""

    def late(*_):
        raise TimeoutError(f"Still running after {SECONDS} s.")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 5)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    left = active_children()
    for process in left:
        process.kill()
        process.join()
    assert not left, f"{left} were left running"


def only(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


def curves(folder):
    with (folder / "curves" / "metrics.csv").open(newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def trained(folder):
    """What the processes made together.

    The sampler of random styles is not: one process trains it at the end, on codes whose last bits
    decide how its many steps go.
    """
    everything = load_file(folder / "generator.safetensors")
    return {key: value for key, value in everything.items() if not key.startswith("sampler.")}


def assert_alike(one, two):
    """Two runs' folders: curves, weights and records, but for the order in which numbers add up."""
    rows = [curves(folder) for folder in (one, two)]
    assert len(rows[0]) == len(rows[1]) == 5
    for a, b in zip(*rows, strict=True):
        for key, value in a.items():
            assert value == pytest.approx(b[key], rel=1e-5, abs=1e-6), (one.name, key)
    weights = [trained(folder) for folder in (one, two)]
    assert weights[0].keys() == weights[1].keys()
    apart = torch.cat([(v - weights[1][key]).abs().flatten() for key, v in weights[0].items()])
    # Adam takes a whole step, 0.002, for any gradient: of those that are next to nothing, the order
    # of a sum decides. They are few; half a batch too little would move all.
    assert apart.mean() < 1e-5, one.name
    assert apart.max() < 1e-2, one.name
    records = [Record.read(folder / "record.json") for folder in (one, two)]
    made = [record.to_json() for record in records]
    assert made[0]["cost"]["images"] == made[1]["cost"]["images"] == 40
    assert made[0]["recipe"] == made[1]["recipe"]
    if made[0]["method"] != "dualstylegan":  # whose random styles are the sampler's
        assert max(records[0].disagreement(records[1]).values()) < 0.02
    assert made[0]["curves"].keys() == made[1]["curves"].keys()


@pytest.mark.exhaustive
@pytest.mark.parametrize("method", LINES)
def test_two_processes_have_the_numbers_of_one_with_the_whole_batch(styleshift, tmp_path, method):
    line = (f"method={method}", "method.images=40", *BIG, *LINES[method])
    for name, machine in (("one", ()), ("two", ("machine=ddp",))):
        status, said = styleshift(*line, *machine, f"folder={tmp_path / name}")
        assert status == 0, said
    one, two = (only(tmp_path / name, f"out/{method}--*") for name in ("one", "two"))
    assert_alike(one, two)
    if method == "freezed":
        assert curves(one)[-1]["p"] > 0


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_others_with_a_sentence(styleshift, once_there, tmp_path):
    at = []

    def kill():
        at.append(time.monotonic())
        (victim,) = [process for process in active_children() if process.name == "rank 1"]
        os.kill(victim.pid, signal.SIGKILL)

    once_there(kill)
    status, said = styleshift(*LONG)
    assert time.monotonic() - at[0] < 60
    assert status == 2
    assert "Process 1 of 2 was ended by SIGKILL, so the other was ended; " in said
    assert said.endswith("the same command goes on from the last checkpoint.")
    assert "Traceback" not in said
    assert list(tmp_path.glob("results/out/*/checkpoint-*.pt"))


@pytest.mark.slow
def test_a_fault_of_the_processes_is_told_with_its_place(styleshift):
    status, said = styleshift(*LONG, "machine.trainer.strategy.backend=pigeons")
    assert status == 2
    assert "of 2 failed (" in said
    assert "pigeons" in said
    assert "init_process_group" in said  # where it happened
    assert said.endswith("the same command goes on from the last checkpoint.")


def descendants(pid):
    """Processes below one, by number, with their own numbers of descendants."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def running(pid):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.exhaustive)]
)
def test_a_signal_stops_all_of_them_with_a_checkpoint(styleshift, once_there, tmp_path, number):
    once_there(lambda: os.kill(os.getpid(), number))
    status, said = styleshift(*LONG)
    assert status == 128 + number
    stopped = re.search(
        rf"styleshift: Stopped by {number.name} after ([\d,]+) images; "
        r"the same command goes on from ([\d,]+) on",
        said,
    )
    assert stopped, said
    seen, saved = (int(number.replace(",", "")) for number in stopped.groups())
    assert seen == saved
    assert f"checkpoint-{saved:012d}.pt" in [path.name for path in tmp_path.rglob("checkpoint-*")]
    assert "Traceback" not in said


@pytest.mark.exhaustive
def test_the_processes_end_with_the_one_that_started_them(started, tmp_path):
    process = started(*LONG)
    deadline = time.monotonic() + SECONDS / 2
    while not list(tmp_path.glob("results/out/*/checkpoint-*.pt")):
        assert process.poll() is None, process.communicate(timeout=10)
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.05)
    below = descendants(process.pid)
    assert len(below) >= 3  # two that train, and the one that they come from
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while (left := [pid for pid in below if running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"{left} outlive {process.pid}"


def test_a_batch_that_cannot_be_shared_is_refused(styleshift):
    status, said = styleshift("machine=ddp", "method.batch_size=4")
    assert status == 2
    assert "must be a multiple of machine.devices=2 times source.mbstd_group=4" in said
