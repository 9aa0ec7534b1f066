import pytest
import torch
from torch import nn

from core.ema import EMA
from core.freeze import freeze


def filled(value: float) -> nn.Module:
    model = nn.BatchNorm1d(3)
    with torch.no_grad():
        for tensor in (*model.parameters(), model.running_mean):
            tensor.fill_(value)
    return model


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_after_its_half_life_the_average_is_halfway(batch: int) -> None:
    ema = EMA(filled(0.0), half_life_kimg=0.1)
    for _ in range(100 // batch):
        ema.update(filled(1.0), batch)
    assert ema.model.weight.tolist() == pytest.approx([0.5] * 3, abs=1e-5)


def test_buffers_are_copied() -> None:
    ema = EMA(filled(0.0), half_life_kimg=1000)
    ema.update(filled(1.0), 1)
    assert ema.model.running_mean.tolist() == [1, 1, 1]


def test_frozen_layers_stay_bit_identical() -> None:
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 1e3)
    freeze(model, ["0.*"])
    before = model[0].weight.clone()
    ema = EMA(model, half_life_kimg=0.001)
    for _ in range(50):
        with torch.no_grad():
            model[1].weight += 1
        ema.update(model, 3)
    assert torch.equal(ema.model[0].weight, before)
    assert not torch.equal(ema.model[1].weight, model[1].weight)


def test_the_average_is_a_copy_for_judging_only() -> None:
    model = filled(0.0).train()
    ema = EMA(model, half_life_kimg=1)
    assert ema.model is not model
    assert not ema.model.training
    assert not any(p.requires_grad for p in ema.model.parameters())
    assert model.training


def test_no_half_life_is_the_last_model() -> None:
    ema = EMA(filled(0.0), half_life_kimg=0)
    ema.update(filled(1.0), 1)
    assert ema.model.weight.tolist() == [1, 1, 1]


def test_a_ramp_forgets_the_beginning_and_resumes() -> None:
    ema = EMA(filled(0.0), half_life_kimg=1000, ramp=0.05)
    ema.update(filled(1.0), 10)
    assert ema.model.weight.tolist() == [1, 1, 1]  # nothing was seen before
    again = EMA(filled(0.0), half_life_kimg=1000, ramp=0.05)
    again.load_state_dict(ema.state_dict())
    for each in (ema, again):
        each.update(filled(2.0), 10)
    beta = 0.5 ** (10 / (0.05 * 10))
    assert ema.model.weight.tolist() == pytest.approx([2 - beta] * 3)
    assert torch.equal(ema.model.weight, again.model.weight)
