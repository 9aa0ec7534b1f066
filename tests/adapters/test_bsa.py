"""What trains under BSA, what its codes lose, and which pictures of the shots they are held to."""

import pytest
import torch

from adapters.bsa import matching
from benchmarks.harness.config.build import build
from core.networks.gains import GainedGenerator

SHOTS = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def made(composed):
    def made(*words):
        cfg = composed("method=bsa", *words)
        adapter = build(cfg.method, build(cfg.source))
        adapter.prepare(SHOTS)
        return adapter

    return made


def total(terms):
    return {name: sum(t[name].item() for t in terms if name in t) for t in terms for name in t}


def test_gains_biases_and_codes_train_and_begin_as_the_source(made):
    adapter = made()
    names = adapter.g.synthesis.noise_names
    moving = {name for name, p in adapter.g.named_parameters() if p.requires_grad}
    assert moving == {f"synthesis.{name}.{part}" for name in names for part in ("gain", "bias")}
    (group,) = adapter.configure_optimizers()[0].param_groups
    assert any(p is adapter.codes for p in group["params"])
    assert torch.equal(adapter.codes, torch.zeros(3, adapter.g.z_dim))
    z = torch.randn(2, adapter.g.z_dim)
    assert torch.equal(adapter.sample(z), adapter.source.g(z))


def test_a_code_is_held_to_its_own_shot(made):
    adapter = made("method.jitter=0")
    with torch.no_grad():
        adapter.codes.normal_()
        ids = torch.tensor([2, 0, 2])
        terms = total([*adapter.losses(ids)])
        pictures = adapter.sample(adapter.codes[ids])
    pixel = (pictures - SHOTS[ids]).abs().mean()
    distance = adapter.perceptual(pictures, SHOTS[ids]).mean()
    assert terms["pixel"] == pytest.approx(pixel.item(), rel=1e-5)
    assert terms["perceptual"] == pytest.approx(distance.item(), rel=1e-4)


def test_a_step_moves_the_codes_of_its_shots_alone(made):
    adapter = made()
    for terms in adapter.losses(torch.tensor([1, 1])):
        torch.stack([*terms.values()]).sum().backward()
    assert (adapter.codes.grad.abs().amax(1) > 0).tolist() == [False, True, False]


def test_what_codes_are_moved_by_is_drawn_anew(made):
    adapter = made("method.jitter=0.5")
    with torch.no_grad():
        adapter.codes.normal_()
        first, second = (total([*adapter.losses(torch.arange(3))])["pixel"] for _ in range(2))
    assert first != second


def test_the_pull_is_of_what_is_not_the_sources(made):
    adapter = made("method.loss.pull=2")
    with torch.no_grad():
        assert total([*adapter.losses(torch.arange(3))])["pull"] == 0
        adapter.g.gains()[1][:] = 4
        adapter.g.biases()[0][:] += 2
        assert total([*adapter.losses(torch.arange(3))])["pull"] == pytest.approx(2 * (9 + 4))


def test_codes_at_the_normal_numbers_are_matched():
    normals = torch.randn(7, 4)
    assert matching(normals, normals) == 0
    assert matching(normals + 10, normals) > 100


def test_the_rate_falls_in_steps(made, monkeypatch):
    adapter = made("method.decay_images=8", "method.batch_size=4")
    (optimiser,) = optimisers = adapter.configure_optimizers()
    monkeypatch.setattr(type(adapter), "optimizers", lambda _: optimisers)
    monkeypatch.setattr(type(adapter), "minimise", lambda *_: {})
    rates = []
    for _ in range(5):
        adapter.training_step((SHOTS, torch.arange(4)), 0)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([0.03, 0.03, 0.006, 0.006, 0.0012])


def test_what_was_exported_makes_the_same_pictures_read_back(made):
    adapter, other = made(), made()
    with torch.no_grad():
        for p in (*adapter.g.gains(), *adapter.g.biases()):
            p.add_(0.1 * torch.randn_like(p))
    exported = adapter.export()
    assert [*exported] == ["g_ema"]
    assert isinstance(exported["g_ema"], GainedGenerator)
    other.recall(exported)
    z = torch.randn(2, adapter.g.z_dim)
    assert torch.equal(other.sample(z), adapter.sample(z))
