import json

import pytest
import torch
from rich.console import Console
from torch.nn.utils import parameters_to_vector

from benchmarks.harness.speed import CASES, FORMULATIONS
from benchmarks.harness.speed.cases import STEPS, TWINS, Workload, clocked, twinned
from benchmarks.harness.speed.cpu import Measured, SpeedComparison
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


def test_the_names_of_the_help_are_those_of_the_cases():
    assert tuple(STEPS) == CASES
    assert tuple(TWINS) == FORMULATIONS


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


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
def test_a_twin_does_the_same_work_on_the_same_networks(tiny, twin):
    torch.manual_seed(0)
    ours = tiny.images()
    torch.manual_seed(0)
    other = twinned(tiny, twin)
    torch.testing.assert_close(other.images(), ours)
    torch.testing.assert_close(other.logits(tiny.reals), tiny.d(tiny.reals))


def measured(precision, formulation, seconds):
    """As a process that took these seconds leaves it."""
    one = object.__new__(Measured)
    one.timing = {"case": "training step", "pixels": 64, "precision": precision}
    one.timing["formulation"] = formulation
    one.seconds, one.ratios = seconds, {}
    return one


def test_a_ratio_is_the_median_over_the_rounds_that_both_ran():
    ours = measured("fp32", "ours", [1.0, 1.0, 2.0, 2.0, 4.0])
    ours.compare(measured("fp32", "nvidia", [4.0, 6.0, 40.0]))
    assert ours.ratios == {"nvidia": 3.0}


def test_the_table_shows_the_ratios_and_the_record_is_strict_json():
    measurement = SpeedComparison(threads=1, repeats=1)
    rate = {"best_images_per_second": 20.0, "median_images_per_second": 10.0}
    ours = {"case": "training step", "pixels": 64, "precision": "bf16", "formulation": "ours"}
    ours |= rate | {"peak_bytes": 2**30, "ratios": dict.fromkeys(FORMULATIONS, 2.54)}
    unmeasured = ours | {"peak_bytes": None}  # as on Windows
    twin = rate | {"formulation": "nvidia"}
    measurement.timings = [twin, ours, unmeasured]
    console = Console(record=True, width=100)
    console.print(measurement.table())
    text = console.export_text()
    assert text.count("2.5 x") == 2 * len(FORMULATIONS)
    assert "20 (10)" in text
    assert "1024" in text
    assert "?" in text
    assert json.loads(json.dumps(measurement.record(), allow_nan=False))["timings"][1] == ours


@pytest.mark.exhaustive
def test_steps_take_turns_in_processes_of_their_own():
    measurement = SpeedComparison(threads=1, repeats=1)
    measurement.add("R1", "64", ["fp32", "bf16"])
    *twins, ours = measurement.timings
    assert [twin["formulation"] for twin in twins] == list(FORMULATIONS) == list(ours["ratios"])
    assert (ours["precision"], ours["repeats"], twins[0]["repeats"]) == ("fp32", 3, 1)
    assert all(timing["peak_bytes"] > 2**26 for timing in measurement.timings)


def test_a_warm_up_is_not_counted():
    calls = []
    assert len(clocked(lambda: calls.append(1), 3, warm_up=1)) == 3
    assert len(calls) == 4


def test_memory_can_be_kept_twice():
    assert keep_freed_memory() == keep_freed_memory()
