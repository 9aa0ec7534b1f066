"""No method's training step waits for a GPU, which then never stands idle."""

from contextlib import suppress

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from benchmarks.harness.config.build import build
from tests.helpers import contract
from tests.helpers.fake_gpu import Waits, waits_of

GUIDED = {"encoder", "encoder_zplus", "jojogan", "jojogan_colour", "dualstylegan",
          "dualstylegan_released", "paired", "bsa", "agilegan"}  # fmt: skip
"""What looks through a guide, whose file fake tensors cannot hold; ``paired`` also asks for the
numbers of its people, which are known on the CPU.
"""
TRIED = [m for m in contract.methods() if m.values[0] not in GUIDED]


def made(folder, method):
    cfg = contract.configuration(folder, method)
    source = build(cfg.source)
    source.inverter = contract.invert
    adapter, domain = build(cfg.method, source), contract.Shots(contract.SHOTS, contract.SIDE)
    adapter.prepare(domain.shots)
    return adapter, (domain.shots[: contract.BATCH], torch.arange(contract.BATCH))


@pytest.mark.parametrize("method", TRIED)
def test_no_step_waits_for_the_device(tmp_path, monkeypatch, method):
    adapter, batch = made(tmp_path, method)
    assert waits_of(adapter, batch, 1, monkeypatch) == []


WAITING = {  # as they stood in steps once
    "a number": lambda x, on: float(x.sum()),
    "a truth": lambda x, on: bool(x.sum() > 0),
    "a mask": lambda x, on: x[x > 0.5],
    "a list of rows": lambda x, on: x[:, [0, 2]],
    "a pageable copy": lambda x, on: on.to(x.device),
    "a blocking copy": lambda x, on: on.pin_memory().to(x.device),
    "a copy back": lambda x, on: x.cpu(),
    "how many": lambda x, on: x.nonzero(),
}


@pytest.mark.parametrize("what", WAITING)
def test_a_wait_would_be_found(what):
    with FakeTensorMode(), Waits() as waits:
        x, on_the_host = torch.ones(3, 3, device="cuda"), torch.ones(3)
        waits.pinned.append(on_the_host)
        on_the_host.pin_memory = lambda: on_the_host
        with suppress(RuntimeError):  # how many rows there are, nobody knows
            WAITING[what](x, on_the_host)
    assert waits.found
