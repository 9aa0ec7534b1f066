"""The measurements of the kernels, run in Triton's interpreter on small tensors."""

import json
import subprocess
import sys

import pytest
import torch
from rich.console import Console

from benchmarks.harness.speed import gpu

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
def test_a_training_step_is_measured_in_both_implementations_and_shown(monkeypatch):
    monkeypatch.setattr(gpu, "PRECISIONS", ("fp32", "bf16"))  # tf32 is fp32 without a GPU
    steps = gpu.training(DEVICE, 1, (8, 2), {4: 4, 8: 4})
    assert [(row["precision"], row["implementation"]) for row in steps] == [
        (precision, name) for precision in ("fp32", "bf16") for name in ("torch", "triton")
    ]
    operators = [
        {"operator": "filter", "precision": "fp32", "gb_per_second": 100.0 * k, "of_copy": 0.4 * k}
        for k in (1, 2)
    ]
    record = {"operators": operators, "steps": steps}
    json.dumps(record, allow_nan=False)
    console = Console(record=True, width=120)
    console.print(*gpu.tables(record))
    text = console.export_text()
    assert "200 (80%)" in text
    assert "8 px" in text


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
