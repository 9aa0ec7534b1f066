"""Two processes with half of every batch each are one process with all of it."""

import csv
import os
import signal
import time

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

pytestmark = pytest.mark.skipif(
    "STYLESHIFT_DDP" not in os.environ,
    reason="a dying process can leave the others waiting; STYLESHIFT_DDP=1 runs these",
)

BIG = ("method.batch_size=8", "method.images=32", "method.r1.every=2", "eval.samples=8")
PATH = "method.path_length"
PATHS = (
    f"{PATH}._target_=core.penalties.PathLength",
    f"{PATH}.every=2",
    f"+{PATH}.weight=2",
    f"+{PATH}.decay=0.01",
    f"+{PATH}.shrink=2",
)


def only(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


def curves(results):
    with only(results, "out/*/curves/metrics.csv").open(newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", [("method=finetune", *PATHS), ("method=freezed", "method.augment.every=2")]
)
def test_two_processes_have_the_losses_of_one_with_the_whole_batch(started, tmp_path, line):
    for name, machine in (("one", ()), ("two", ("machine=ddp",))):
        process = started(*BIG, *line, *machine, f"folder={tmp_path / name}")
        said = process.communicate(timeout=300)
        assert process.returncode == 0, said
    one, two = curves(tmp_path / "one"), curves(tmp_path / "two")
    assert len(one) == len(two) == 4
    for a, b in zip(one, two, strict=True):
        assert a == pytest.approx(b, rel=2e-4, abs=2e-5)
    weights = [load_file(only(tmp_path / n, "out/*/generator.safetensors")) for n in ("one", "two")]
    for key, value in weights[0].items():
        assert_close(value, weights[1][key], rtol=1e-2, atol=2e-4, msg=lambda m, k=key: f"{k}: {m}")


def children(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
        return [int(pid) for pid in file.read().split()]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["a rank dies", "SIGTERM"])
def test_one_end_ends_all_with_a_sentence_and_a_checkpoint(started, tmp_path, fault):
    process = started(*BIG, "machine=ddp", "method.images=40000", "checkpoint.every_kimg=0.016")
    deadline = time.monotonic() + 240
    while not list(tmp_path.glob("results/out/*/checkpoint-*.pt")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    ranks = children(process)
    assert len(ranks) >= 2
    if fault == "SIGTERM":
        process.terminate()
    else:
        os.kill(ranks[-1], signal.SIGKILL)
    begun = time.monotonic()
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - begun < 60
    last = said.strip().splitlines()[-1]
    assert "same command goes on from the last checkpoint" in last, said
    assert process.returncode == (143 if fault == "SIGTERM" else 2)
    assert list(tmp_path.glob("results/out/*/checkpoint-*.pt"))
    assert not any(os.path.exists(f"/proc/{pid}") for pid in ranks)


def test_a_batch_that_cannot_be_shared_is_refused(styleshift):
    status, said = styleshift("machine=ddp", "method.batch_size=4")
    assert status == 2
    assert "must be a multiple of machine.devices=2 times source.mbstd_group=4" in said
