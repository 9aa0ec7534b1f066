import json

import pytest
import torch
from rich.console import Console
from torch.nn.utils import parameters_to_vector

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


WORK = {  # passes of G and of D, whose weights move, whose gradients are left
    "G forward": (1, 0, "", ""),
    "D forward": (0, 1, "", ""),
    "training step": (2, 3, "gd", "gd"),
    "step with ADA": (2, 3, "gd", "gd"),
    "R1": (0, 1, "", "d"),
    "path length": (1, 0, "", "g"),
}


@pytest.mark.parametrize("case", STEPS)
def test_every_case_is_the_work_that_it_is_called(tiny, case):
    networks, seen = {"g": tiny.g, "d": tiny.d}, {"g": [], "d": []}
    before = {name: parameters_to_vector(m.parameters()) for name, m in networks.items()}
    for name, network in (("g", tiny.g.synthesis), ("d", tiny.d)):
        network.register_forward_pre_hook(lambda _, args, name=name: seen[name].append(args[0]))
    STEPS[case](tiny._replace(autocast=lambda: torch.autocast("cpu", torch.bfloat16)))()
    weights = {name: list(m.parameters()) for name, m in networks.items()}
    moved = [n for n, p in weights.items() if not torch.equal(parameters_to_vector(p), before[n])]
    left = [n for n, p in weights.items() if any(weight.grad is not None for weight in p)]
    assert (len(seen["g"]), len(seen["d"]), "".join(moved), "".join(left)) == WORK[case]
    plain = any(torch.equal(images, tiny.reals) for images in seen["d"])
    assert plain == (case in ("D forward", "training step", "R1"))


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
