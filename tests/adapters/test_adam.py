"""What trains in which of AdAM's trainings, and that the second begins at the source."""

import pytest
import torch

from adapters.adam import kinds_of
from adapters.base import D, G
from benchmarks.harness.config.build import build
from core.networks.modulation import generator_layers, originals, vectors

SHOTS = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def made(composed):
    def made(method="adam", *words):
        cfg = composed(f"method={method}", "method.fisher_images=4", *words)
        adapter = build(cfg.method, build(cfg.source))
        adapter.prepare(SHOTS)
        adapter.start_at(adapter.probe_images)
        return adapter

    return made


def screened(adapter):
    """The largest gradient of every row that is left of gradients of ones."""
    for index in (G, D):
        for p in adapter.network(index).parameters():
            p.grad = torch.ones_like(p)
        adapter.screen(index)
    return adapter


def rows(tensor):
    return tensor.grad.reshape(len(tensor), -1).amax(1)


def test_probing_trains_modulations_and_what_follows_the_blocks_of_the_discriminator(made):
    adapter = made()
    adapter.start_at(adapter.probe_images - 1)
    screened(adapter)
    layers = [*generator_layers(adapter.g), *kinds_of(adapter.g, adapter.d)[2]]
    moving = {id(v) for layer in layers for v in vectors(layer)}
    moving |= {id(p) for p in adapter.d.b4.parameters()}
    for index in (G, D):
        for name, p in adapter.network(index).named_parameters():
            assert (p.grad is not None) == (id(p) in moving), name


def test_then_a_kernel_trains_itself_or_its_modulation(made):
    adapter = made()
    adapter.kept[::3] = True
    screened(adapter)
    for layer, own in zip(adapter.layers, adapter.rows(), strict=True):
        for tensor in originals(layer):
            assert torch.equal(rows(tensor) == 0, own)
        for vector in vectors(layer)[1:]:
            assert torch.equal(rows(vector) == 0, ~own)
        assert vectors(layer)[0].grad.min() == 1


def test_the_weights_that_may_move_are_those_of_the_paper_and_its_code(made):
    adapter = made()
    moving = {n for n, p in adapter.g.named_parameters() if p.requires_grad}
    stored = {n for n in moving if n.endswith("original")}
    chosen = {
        id(t) for kind in kinds_of(adapter.g, adapter.d)[:2] for m in kind for t in originals(m)
    }
    assert stored == {n for n, p in adapter.g.named_parameters() if id(p) in chosen}
    own = {id(v) for layer in generator_layers(adapter.g) for v in vectors(layer)}
    assert moving - stored == {n for n, p in adapter.g.named_parameters() if id(p) in own}
    still = {n for n, p in adapter.d.named_parameters() if not p.requires_grad}
    assert still == {n for n, _ in adapter.d.named_parameters() if ".fromrgb." in n}


@pytest.mark.parametrize("method", ["adam", "adam_released"])
def test_the_second_training_begins_where_the_first_began(made, method, monkeypatch):
    adapter = made(method)
    monkeypatch.setattr("adapters.finetune.FineTune.training_step", lambda *_: None)
    begun = {k: v.clone() for k, v in adapter.state_dict().items() if k != "kept"}
    optimisers = adapter.configure_optimizers()
    adapter.trainer = type("Trainer", (), {"optimizers": optimisers})()
    with torch.no_grad():
        for p in (*adapter.g.parameters(), *adapter.d.parameters(), *adapter.ema.parameters()):
            p.add_(0.05 * torch.randn_like(p))
    for optimiser in optimisers:
        for p in optimiser.param_groups[0]["params"]:
            optimiser.state[p]["exp_avg_sq"] = torch.ones_like(p)
    adapter.training_step((torch.empty(0), torch.empty(0)), 0)
    assert all(torch.equal(adapter.state_dict()[k], v) for k, v in begun.items())
    assert not any(optimiser.state for optimiser in optimisers)
    assert adapter.kept.float().mean() == pytest.approx(0.5, abs=0.01)
    again = adapter.kept.clone()
    adapter.start_at(adapter.probe_images + adapter.batch_size)
    adapter.training_step((torch.empty(0), torch.empty(0)), 0)
    assert torch.equal(adapter.kept, again)


def test_what_has_no_kernel_that_moves_is_frozen_after_a_resume_too(made):
    adapter, other = made(), made()
    first = len(adapter.rows()[0])
    adapter.kept[:first] = True
    state = {"module": {k: v for k, v in adapter.state_dict().items() if k[:7] != "source."}}
    seen = adapter.probe_images + adapter.batch_size
    other.load_networks(state | {"images_seen": seen})
    assert not any(p.requires_grad for p in originals(other.layers[0]))
    assert all(p.requires_grad for p in vectors(other.layers[0]))
    assert all(p.requires_grad for p in originals(other.layers[1]))
    assert not any(p.requires_grad for p in vectors(other.layers[1]))


@pytest.mark.parametrize(("method", "source"), [("adam", "g"), ("adam_released", "raw")])
def test_it_begins_as_the_source_but_for_the_released_scale(made, method, source):
    adapter = made(method)
    stored = getattr(adapter.source, source).synthesis.b16.conv0.weight
    assert torch.equal(originals(adapter.g.synthesis.b16.conv0)[0], stored)
    average = adapter.source.g.synthesis.b16.conv0.weight
    assert torch.equal(originals(adapter.ema.model.synthesis.b16.conv0)[0], average)
    z = torch.randn(2, adapter.g.z_dim)
    same = torch.allclose(adapter.sample(z), adapter.source.g(z), atol=1e-3)
    assert same == (method == "adam")


def test_what_was_exported_makes_the_same_pictures_read_back(made):
    adapter, other = made(), made()
    with torch.no_grad():
        for p in adapter.ema.parameters():
            p.add_(0.05 * torch.randn_like(p))
    z = torch.randn(2, adapter.g.z_dim)
    exported = adapter.export()
    assert exported["g_ema"].state_dict().keys() == adapter.source.g.state_dict().keys()
    other.recall(exported)
    assert torch.equal(other.sample(z), adapter.sample(z))
