import json

import pytest
import torch
from rich.console import Console

from benchmarks.harness.speed import CASES
from benchmarks.harness.speed.cases import STEPS, Workload, clocked
from benchmarks.harness.speed.cpu import SpeedComparison
from core.allocator import keep_freed_memory
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator


@pytest.fixture
def tiny():
    channels = {4: 4, 8: 4}
    g = Generator(z_dim=4, w_dim=4, img_resolution=8, channels=channels, mapping_layers=1)
    d = Discriminator(img_resolution=8, channels=channels)
    reals = torch.rand(4, 3, 8, 8) * 2 - 1
    return Workload(g, d, g.synthesis, d, reals, torch.no_grad)


def timing(formulation: str, rate: float) -> dict:
    return {
        "case": "training step",
        "formulation": formulation,
        "median_images_per_second": rate,
        "best_images_per_second": rate,
        "peak_bytes": 2**30,
    }


def test_the_names_of_the_help_are_those_of_the_cases():
    assert tuple(STEPS) == CASES


@pytest.mark.parametrize("case", STEPS)
def test_every_case_runs(tiny, case):
    STEPS[case](tiny._replace(autocast=lambda: torch.autocast("cpu", torch.bfloat16)))()


def test_the_table_shows_the_ratio_and_the_record_is_strict_json():
    measurement = SpeedComparison(threads=2, repeats=1)
    ours, twin = timing("ours", 20) | {"ratio": 10}, timing("twin", 2)
    unmeasured = ours | {"peak_bytes": None}  # as on Windows
    measurement.pairs = [("training step, fp32", ours, twin), ("bf16", unmeasured, twin)]
    console = Console(record=True, width=100)
    console.print(measurement.table())
    text = console.export_text()
    assert "10.0 x" in text
    assert "1024 : 1024" in text
    assert "? : 1024" in text
    record = measurement.record()
    assert record["timings"] == [ours, twin, unmeasured]
    assert record["threads"] == 2
    json.dumps(record, allow_nan=False)


def test_a_warm_up_is_not_counted():
    calls = []
    assert len(clocked(lambda: calls.append(1), 3, warm_up=1)) == 3
    assert len(calls) == 4


def test_memory_can_be_kept_twice():
    assert keep_freed_memory() == keep_freed_memory()
