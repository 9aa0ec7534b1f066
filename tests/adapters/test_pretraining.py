"""What trains before DualStyleGAN: in parts that a small device holds, and resumed."""

import copy

import pytest
import torch
from omegaconf import OmegaConf

from adapters.dualstylegan import pretraining
from adapters.dualstylegan.destylisation import ReEncode
from benchmarks.harness.config.build import build
from benchmarks.harness.config.files import resolved
from benchmarks.harness.records.nested import leaves
from core.networks.dualstylegan import DualStyleGAN

BATCH, SHOTS = 4, 3


@pytest.fixture
def begun(composed, tmp_path):
    """Begins a training by name, with steps of plain gradient descent unless Adam is asked for."""
    words = [f"method.pretraining.{name}.batch_size={BATCH}" for name in ("transfer", "tuning")]
    cfg = composed("method=dualstylegan", "source.mbstd_group=1", *words)
    for key, value in leaves(resolved(cfg)).items():
        if key.startswith("method.pretraining.") and key.endswith("_steps") and value:
            OmegaConf.update(cfg, key, 1)
    source = build(cfg.source)
    pretraining = build(cfg.method, source).pretraining
    rng = torch.Generator().manual_seed(7)
    shots = torch.rand(SHOTS, 3, source.resolution, source.resolution, generator=rng) * 2 - 1

    def begin(name, optimiser=torch.optim.SGD):
        how = {f"{network}_optimizer": optimiser for network in "gd"} if optimiser else {}
        if name == "tuning":
            return pretraining.tuning(source, shots, seed=0, **how)
        dual = DualStyleGAN.untrained(source.g, res_index=4)
        guided = pretraining.destylise
        return pretraining.transfer(source, dual, guided.encode, guided.guide, **how)

    return begin


def moved(training, before):
    """How far every parameter has gone."""
    return {
        f"{name}.{key}": value - before[name][key]
        for name in ("g", "d")
        for key, value in getattr(training, name).named_parameters()
    }


def started(training):
    return {name: dict(copy.deepcopy(getattr(training, name)).named_parameters()) for name in "gd"}


def test_a_batch_in_parts_moves_everybody_as_the_whole_batch_does(begun, monkeypatch):
    whole, split = begun("transfer"), begun("transfer")
    start = started(whole)
    whole.step(0)
    seen = []
    split.d.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    monkeypatch.setattr(pretraining, "AT_ONCE", 3)
    split.step(0)
    assert set(seen) == {3, 1}
    theirs = moved(split, start)
    for name, way in moved(whole, start).items():
        torch.testing.assert_close(theirs[name], way, atol=1e-6, rtol=1e-3, msg=name)
    assert any(way.abs().max() > 1e-5 for way in theirs.values())


def test_parts_may_share_what_their_styles_come_from(begun, monkeypatch):
    monkeypatch.setattr(pretraining, "AT_ONCE", 3)
    training = begun("tuning")
    start = started(training)
    training.step(0)
    way = moved(training, start)
    assert way["g.mapping.fc0.weight"].abs().max() > 0
    assert way["g.synthesis.b4.const"].abs().max() > 0
    assert all(each.isfinite().all() for each in way.values())


@pytest.mark.parametrize("name", ["tuning", "transfer"])
def test_a_training_goes_on_from_its_state_as_if_it_had_not_ended(begun, name):
    whole, killed, resumed = (begun(name, optimiser=None) for _ in range(3))
    for number in range(3):
        whole.step(number)
    killed.step(0)
    state = copy.deepcopy(killed.state())
    killed.step(1)
    resumed.restore(state)
    for number in (1, 2):
        resumed.step(number)
    for key, value in whole.outcome().items():
        assert torch.equal(resumed.outcome()[key], value), key


@pytest.mark.parametrize("towards", ["average", "zero"])
def test_a_face_is_embedded_again_after_truncation_as_published(begun, towards):
    g = begun("transfer").source.g
    g.mapping.w_avg.copy_(torch.linspace(-1, 1, g.w_dim))
    codes = torch.randn(2, g.num_ws, g.z_dim, generator=torch.Generator().manual_seed(0))
    seen = []

    def encode(network, pictures):
        seen.append(pictures)
        return codes + 1

    encode.encoders = []
    embed = ReEncode(psi=0.7, towards=towards)
    assert embed(encode, g, codes, {}) is codes  # nothing to encode with
    encode.encoders = ["one"]
    assert torch.equal(embed(encode, g, codes, {}), codes + 1)
    ws = torch.stack([g.mapping.style(row) for row in codes.unbind(1)], 1)
    away = g.mapping.w_avg if towards == "average" else torch.zeros(g.w_dim)
    expected = g.synthesis(0.7 * ws + 0.3 * away)
    torch.testing.assert_close(seen[0], expected, atol=1e-5, rtol=0)
