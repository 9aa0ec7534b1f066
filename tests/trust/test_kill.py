"""Real processes and real signals: what is left behind, what is said, and how it goes on."""

import json
import os
import random
import signal
import time

import pytest
from safetensors.torch import load_file

from benchmarks.harness.io import locks

LONG = ("method.images=6000", "checkpoint.every_kimg=0.04", "eval.samples=8")
MEASURED = ("seconds", "peak_bytes", "started")  # of the world, not of the run


def only(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


def wait_for(process, folder, pattern, seconds=120):
    deadline = time.monotonic() + seconds
    while not list(folder.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def outcome(results):
    """The record without what a clock measured, the bytes of curves and picture, the weights."""
    record = json.loads(only(results, "runs/*.json").read_text())
    for part in ("cost", "provenance"):
        record[part] = {k: v for k, v in record[part].items() if k not in MEASURED}
    record["config"].pop("folder")
    files = {
        n: only(results, f"out/*/{n}").read_bytes() for n in ("sheet.png", "curves/metrics.csv")
    }
    return record, files, load_file(only(results, "out/*/generator.safetensors"))


@pytest.mark.exhaustive  # test_resume kills every method within one process
def test_kills_at_random_moments_change_nothing(started, styleshift, tmp_path):
    short = ("method=freezed", "method.images=96", "checkpoint.every_kimg=0.008")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert styleshift(*short, f"folder={whole}")[0] == 0
    rng = random.Random(1)
    for kill in range(3):
        process = started(*short, f"folder={killed}")
        newest = sorted(p.name for p in killed.glob("out/*/checkpoint-*.pt"))[-1:] or ["none"]
        wait_for(process, killed, f"out/*/checkpoint-*[!{newest[0][-4]}].pt")
        time.sleep(rng.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not list(killed.glob("runs/*.json")), f"it ended before kill {kill}"
    status, said = styleshift(*short, f"folder={killed}")
    assert status == 0
    assert "Going on after" in said
    (record, files, weights), (record_2, files_2, weights_2) = outcome(whole), outcome(killed)
    assert record == record_2
    assert files == files_2
    assert weights.keys() == weights_2.keys()
    for key, value in weights.items():
        assert value.equal(weights_2[key]), key
    assert not list(killed.rglob("*.part"))
    assert not list(killed.rglob("checkpoint*"))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_writes_a_checkpoint_and_says_how_to_go_on(
    styleshift, once_there, tmp_path, number, status
):
    once_there(lambda: os.kill(os.getpid(), number))
    left, said = styleshift(*LONG)
    assert left == status
    last = said[said.index("styleshift: ") :]
    assert last.startswith(f"styleshift: Stopped by {number.name} after ")
    assert "Traceback" not in said
    newest = max(path.stem for path in (tmp_path / "results").glob("out/*/checkpoint-*.pt"))
    assert f"goes on from {int(newest.split('-')[1]):,} on" in last
    assert f"after {int(newest.split('-')[1]):,} images" in last


@pytest.mark.exhaustive
def test_a_second_ctrl_c_ends_at_once(started, tmp_path):
    process = started(*LONG)
    wait_for(process, tmp_path / "results", "out/*/checkpoint-*.pt")
    process.send_signal(signal.SIGSTOP)  # so that both are there before the next step ends
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=20)
    assert process.returncode == 130


@pytest.mark.exhaustive
def test_a_cell_that_runs_already_is_refused_and_a_sweep_goes_past_it(styleshift, tmp_path):
    line = ("method.images=4", "eval.samples=8")
    assert styleshift(*line)[0] == 0
    record = only(tmp_path / "results", "runs/*.json")
    record.unlink()
    with locks.alone(only(tmp_path / "results", "out/*")):
        status, said = styleshift(*line)
        assert status == locks.Busy.status
        assert "is being run by another process already" in said
        status, said = styleshift("-m", *line)
        assert status == 0
        assert "is being run by another process already" in said
    assert not record.exists()
    assert styleshift("-m", *line)[0] == 0
    assert record.exists()
