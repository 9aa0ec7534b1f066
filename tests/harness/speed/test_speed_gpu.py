"""The measurements of the kernels, run in Triton's interpreter on small tensors."""

import json
import subprocess
import sys

import pytest
import torch
from rich.console import Console

from benchmarks.harness.speed import gpu, steps

pytest.importorskip("triton")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.exhaustive
def test_every_operator_is_measured_beside_a_copy_and_shown():
    found = gpu.bandwidths(DEVICE, 1, (2, 8, 8, 8))
    copies = [row for row in found if row["operator"] == "copy"]
    assert [row["of_copy"] for row in copies] == [1.0, 1.0, 1.0]
    assert all(row["gb_per_second"] > 0 for row in found)
    kernels = {row["operator"] for row in found if row["implementation"] == "triton"}
    assert {"filter", "upsample", "downsample", "bias_act", "epilogue"} < kernels
    assert all(f"{name}, gradient" in kernels for name in ("filter", "bias_act", "epilogue"))


@pytest.mark.exhaustive
def test_the_whole_measurement_is_rehearsed_and_shown(tmp_path):
    saved = []
    record = gpu.measured(gpu.REHEARSAL, torch.device("cpu"), lambda made: saved.append(len(made)))
    assert len(saved) > 6  # after every part, for whoever is stopped in the middle
    assert record["skipped"] == []
    assert {row["operator"] for row in record["parity"]} == set(gpu.READS)
    assert max(max(row["deviation"]) for row in record["parity"]) < 1e-5
    assert {row["method"] for row in record["steps"]} == set(steps.METHODS)
    assert all(row["images_per_second"] > 0 for row in record["steps"])
    assert {row["implementation"] for row in record["formulations"]} == {
        "triton", "torch", "published"
    }  # fmt: skip
    assert {row["tile"] for row in record["tiles"]} == set(gpu.CANDIDATES)
    json.dumps(record, allow_nan=False)
    console = Console(record=True, width=120)
    console.print(*gpu.tables(record))
    assert "jojogan, 64 px" in console.export_text()


def test_what_does_not_fit_into_the_time_is_said():
    plan = gpu.REHEARSAL._replace(budget_s=-1.0)
    record = gpu.measured(plan, torch.device("cpu"), lambda made: None)
    assert record["skipped"].count("parity") == 1
    assert "parity" not in record


def test_without_a_gpu_the_command_says_so_in_one_sentence():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", "--device", "cuda"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "torch sees no CUDA device here" in done.stderr
