"""How many pictures are worked on side by side."""

from types import SimpleNamespace

import pytest
import torch

from adapters.ewc import fisher_diagonal
from benchmarks.harness.config.build import build
from core import memory

CPU = torch.device("cpu")


@pytest.mark.parametrize(("side", "n"), [(32, 64), (64, 64), (128, 16), (256, 4), (1024, 1)])
def test_memory_goes_by_pixels(side, n):
    assert memory.at_once(side, CPU, most=64) == n
    assert memory.at_once(side, CPU, most=2) == min(n, 2)


def test_a_gpu_takes_more(monkeypatch):
    card = SimpleNamespace(total_memory=80 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    assert memory.at_once(256, torch.device("cuda"), most=64) == 40


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
    monkeypatch.setattr(memory, "PIXELS", 64**2)
    torch.testing.assert_close(result(), whole)
    assert memory.at_once(64, CPU, most=4) == 1
