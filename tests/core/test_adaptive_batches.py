"""Batches by memory."""

from types import SimpleNamespace

import pytest
import torch

from adapters.ewc import fisher_diagonal
from benchmarks.harness.config.build import build
from core import adaptive_batches
from core.adaptive_batches import side_by_side, within
from core.errors import UserError

CPU = torch.device("cpu")


@pytest.mark.parametrize(("side", "n"), [(32, 64), (64, 64), (128, 16), (256, 4), (1024, 1)])
def test_memory_goes_by_pixels(side, n):
    assert within(64, side, CPU) == n
    assert within(2, side, CPU) == min(n, 2)


def test_a_gpu_takes_more(monkeypatch):
    card = SimpleNamespace(total_memory=80 * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    assert within(64, 256, torch.device("cuda")) == 40


def test_what_is_made_side_by_side_is_what_is_made_alone_though_memory_runs_out():
    sizes = []

    def work(a, b):
        sizes.append(len(a))
        if len(a) > 2:
            raise torch.OutOfMemoryError("no")
        return a * b

    a, b = torch.arange(7.0), torch.arange(7.0) + 1
    assert torch.equal(side_by_side(work, 5, a, b), a * b)
    assert sizes == [5, 2, 2, 2, 1]

    def hopeless(a):
        raise MemoryError

    with pytest.raises(UserError, match="not enough memory for even one"):
        side_by_side(hopeless, 4, a)


@pytest.mark.parametrize("method", ["ewc", "jojogan"])
def test_parts_add_up_to_the_whole(method, composed, monkeypatch):
    cfg = composed(f"method={method}")
    adapter = build(cfg.method, build(cfg.source))
    pictures = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    def result():
        if method == "ewc":
            z = torch.randn(4, 16, generator=torch.Generator().manual_seed(1))
            weights = adapter.source_weights()
            return fisher_diagonal(adapter.source.g, adapter.source.d, weights, z)
        adapter.source.inverter = lambda g, photos: g.mapping.w_avg.repeat(len(photos), 9, 1)
        adapter.prepare(pictures)
        return {str(side): getattr(adapter, f"features{side}") for side in adapter.sides}

    whole = result()
    monkeypatch.setattr(adaptive_batches, "PIXELS", 64**2)
    torch.testing.assert_close(result(), whole)
    assert within(4, 64, CPU) == 1
