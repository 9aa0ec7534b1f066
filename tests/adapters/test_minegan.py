"""When what trains, and what stands before and within the generator when pictures are made."""

import pytest
import torch

from benchmarks.harness.config.build import build


@pytest.fixture
def made(composed):
    def made(method):
        cfg = composed(f"method={method}", "method.mixing_prob=0")
        return build(cfg.method, build(cfg.source))

    return made


def latents(adapter):
    return torch.randn(5, adapter.g.z_dim, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("method", ["minegan", "minegan_released"])
def test_the_miner_stands_before_the_mapping_network_in_training_and_evaluation(made, method):
    adapter = made(method)
    z = latents(adapter)
    mined = adapter.miner(z)
    assert torch.equal(adapter.ws(adapter.g, z), adapter.g.mapping(mined))
    assert torch.equal(adapter.latents(z), adapter.ema.model.mapping(mined))
    assert not torch.allclose(adapter.latents(z), adapter.ema.model.mapping(z), atol=1e-2)


@pytest.mark.parametrize("method", ["minegan", "minegan_released"])
def test_the_generator_thaws_by_the_clock(made, method, monkeypatch):
    adapter = made(method)
    step = "adapters.finetune.FineTune.training_step"
    monkeypatch.setattr(step, lambda *_: None)
    held = {id(p) for p in adapter.configure_optimizers()[0].param_groups[0]["params"]}
    assert held == {id(p) for p in (*adapter.thawed, *adapter.miners())}
    for seen in (0, adapter.thawed_from - 4, adapter.thawed_from, adapter.thawed_from + 4):
        adapter.start_at(seen)
        adapter.training_step((torch.empty(0), torch.empty(0)), 0)
        thawed = {p.requires_grad for p in adapter.thawed}
        assert thawed == {seen >= adapter.thawed_from}
        assert all(p.requires_grad for p in adapter.miners())


def test_the_semantic_miner_gives_the_constant_of_fakes_and_of_what_is_judged(made):
    adapter = made("minegan_released")
    mined = adapter.semantic_miner()
    assert not torch.allclose(mined, adapter.source.g.synthesis.b4.const, atol=0.1)
    ws = adapter.latents(latents(adapter))
    adapter.rng.manual_seed(3)
    fakes = adapter.synthesise(ws)
    fakes.sum().backward()
    assert adapter.semantic_miner.const.grad.abs().max() > 0
    assert adapter.g.synthesis.b4.const.grad is None
    exported = adapter.export()
    adapter.rng.manual_seed(3)
    random = {"noise_mode": "random", "generator": adapter.rng}
    torch.testing.assert_close(exported["g"].synthesis(ws, **random), fakes)
    assert torch.equal(exported["g_ema"].synthesis.b4.const, mined)
    torch.testing.assert_close(adapter.render(ws), exported["g"].synthesis(ws))


@pytest.mark.parametrize("method", ["minegan", "minegan_released"])
def test_what_was_exported_makes_the_same_pictures_in_an_adapter_that_was_built_anew(made, method):
    adapter, other = made(method), made(method)
    with torch.no_grad():
        for p in (*adapter.miners(), *adapter.ema.model.parameters()):
            p.add_(0.1 * torch.randn_like(p))
    z = latents(adapter)
    assert not torch.equal(adapter.sample(z), other.sample(z))
    other.recall(adapter.export())
    assert torch.equal(adapter.sample(z), other.sample(z))
