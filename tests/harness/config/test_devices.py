"""machine=auto: what a run is placed on, how it computes there, and what is said of it."""

import platform

import pytest
import torch

from benchmarks.harness import experiment
from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.grid import CompositionGrid
from benchmarks.harness.io import machine
from benchmarks.harness.io.machine import Device

AMPERE = Device("gpu", 1, "NVIDIA A100", bf16=True)
TURING = Device("gpu", 2, "NVIDIA T4", bf16=False)
APPLE = Device("mps", 1, "an Apple GPU", bf16=False)
PLAIN = Device("cpu", 2, "no NVIDIA driver", bf16=False)


@pytest.fixture
def on(monkeypatch):
    """Composes as on a machine with a device."""

    def composed(device, *words):
        monkeypatch.setattr(machine, "best", lambda: device)
        return compose(words)

    return composed


@pytest.mark.parametrize(
    ("device", "words", "accelerator", "precision", "deterministic"),
    [
        (PLAIN, (), "cpu", "32-true", True),
        (AMPERE, (), "gpu", "bf16-mixed", False),
        (TURING, (), "gpu", "32-true", False),
        (APPLE, (), "mps", "32-true", True),
        (AMPERE, ("machine=cpu",), "cpu", "32-true", True),
        (AMPERE, ("machine.precision=32-true",), "gpu", "32-true", False),
        (AMPERE, ("machine.trainer.precision=32-true",), "gpu", "32-true", False),
        (PLAIN, ("machine=gpu",), "gpu", "32-true", False),
        (TURING, ("machine=ddp",), "gpu", "32-true", False),
        (AMPERE, ("machine=ddp",), "cpu", "32-true", True),  # which has one, and two are asked for
    ],
)
def test_a_run_is_placed_where_it_is_quickest(
    on, device, words, accelerator, precision, deterministic
):
    own = on(device, *words).cfg.machine
    assert (own.trainer.accelerator, own.trainer.precision) == (accelerator, precision)
    assert own.deterministic is deterministic


@pytest.mark.parametrize(
    ("device", "backend"), [(TURING, "nccl"), (AMPERE, "gloo"), (PLAIN, "gloo")]
)
def test_processes_meet_by_nccl_where_each_has_a_gpu(on, device, backend):
    assert on(device, "machine=ddp").cfg.machine.trainer.strategy.backend == backend


@pytest.mark.parametrize(("device", "halves"), [(PLAIN, 0), (AMPERE, 0), (TURING, 4), (APPLE, 0)])
def test_cards_without_bfloat16_run_the_highest_resolutions_in_float16(on, device, halves):
    assert on(device).cfg.machine.fp16_resolutions == halves


def test_an_id_says_the_precision_that_was_asked_for_and_not_the_device(on):
    usual = on(PLAIN, "machine=cpu").place.recipe
    assert on(PLAIN).place.recipe == on(APPLE).place.recipe == usual
    assert on(AMPERE).place.recipe == on(AMPERE, "machine.precision=32-true").place.recipe == usual
    assert on(PLAIN, "machine.precision=bf16-mixed").place.recipe != usual
    grid = CompositionGrid()
    assert grid(["method=cdc"]).place.recipe == on(AMPERE, "method=cdc").place.recipe


@pytest.mark.parametrize(
    ("flags", "precision"), [("avx2 avx512f", "32-true"), ("avx512f avx512_bf16", "bf16-mixed")]
)
def test_a_cpu_trains_in_half_precision_where_it_can(on, monkeypatch, tmp_path, flags, precision):
    (tmp_path / "cpuinfo").write_text(f"flags: {flags}\n")
    monkeypatch.setattr(machine, "FLAGS", tmp_path / "cpuinfo")
    assert on(PLAIN).cfg.machine.trainer.precision == precision
    for word in ("machine.precision=32-true", "machine.trainer.precision=32-true"):
        assert on(PLAIN, word).cfg.machine.trainer.precision == "32-true"


def test_the_first_line_says_where_and_why(on):
    line = experiment.placed(on(PLAIN), torch.device("cpu"))
    assert line.startswith("Device: cpu (machine=auto: no NVIDIA driver). Precision: 32-true. Oper")
    line = experiment.placed(on(PLAIN, "machine=cpu"), torch.device("cpu"))
    assert line.startswith(
        "Device: cpu (machine=cpu). Precision: 32-true. Operators: torch (auto: "
    )


def test_what_there_is_is_looked_for(monkeypatch, tmp_path):
    find = machine.best.__wrapped__
    monkeypatch.setattr(machine, "DRIVER", tmp_path / "none")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert find()[::2] == ("cpu", "no NVIDIA driver")
    monkeypatch.setattr(machine, "DRIVER", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert find()[::2] == ("cpu", "no device; torch is built for CUDA 13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    for capability, bf16 in (((9, 0), True), ((8, 0), True), ((7, 5), False)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda found=capability: found)
        assert find() == Device("gpu", 4, "NVIDIA H200", bf16=bf16)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="MPS is there")
def test_an_apple_gpu_whose_operators_do_not_do_is_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    kind, _, reason, _ = machine.best.__wrapped__()
    assert kind == "cpu"
    assert reason.startswith("no use of MPS: ")
