"""What RICK measures, freezes and removes, and when."""

import pytest
import torch
from torch.nn.functional import softplus

from adapters.base import D, G
from adapters.rick import layers_of, score
from benchmarks.harness.config.build import build
from core.importance import block_layers

SHOTS = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def made(composed):
    def made(method="rick", *words):
        cfg = composed(f"method={method}", *words)
        adapter = build(cfg.method, build(cfg.source))
        adapter.prepare(SHOTS)
        adapter.start_at(adapter.head_images)
        return adapter

    return made


def with_gradients(adapter):
    for p in (*adapter.g.parameters(), *adapter.d.parameters()):
        p.grad = torch.ones_like(p)
    return adapter


def test_what_matters_is_the_mean_square_of_single_pictures_gradients(made):
    adapter = made("rick", "method.fisher_images=4")
    twin = made("rick")
    adapter.choose()
    z, g, d = twin.noise(4), twin.ema.model.requires_grad_(True), twin.d.requires_grad_(True)
    kinds = layers_of(g, d)
    totals = [[torch.zeros(len(layer[0])) for layer in kind] for kind in kinds]
    for i in range(4):
        fake = g(z[i : i + 1])
        losses = softplus(-d(fake)), softplus(-d(SHOTS[i % 3][None])) + softplus(d(fake.detach()))
        for kind, total, loss in zip(kinds, totals, (losses[0], *losses), strict=True):
            for layer, own in zip(kind, total, strict=True):
                slopes = torch.autograd.grad(loss.sum(), layer, retain_graph=True)
                own += score([slope.square() for slope in slopes])
    wanted = []
    for total in totals:
        line = torch.quantile(torch.cat(total), 0.4)
        wanted += [own > line for own in total]
    differ = (torch.cat(wanted) != adapter.frozen).sum()
    assert differ <= 2  # which lie on the line but for rounding
    assert adapter.frozen.float().mean() == pytest.approx(0.6, abs=0.01)
    assert 0 < adapter.removed.sum() < 10


def test_gradients_reach_kernels_that_are_neither_frozen_nor_removed(made):
    adapter = with_gradients(made())
    adapter.frozen[::3] = True
    adapter.removed[1::3] = True
    adapter.screen(G)
    rows = torch.cat([layer[0].grad.flatten(1).amax(1) for layer in adapter.layers])
    biases = [layer[1].grad for layer in adapter.layers if len(layer) > 1]
    assert torch.equal(rows == 0, adapter.frozen | adapter.removed)
    assert all((bias == 0).sum() in range(len(bias) // 2, len(bias)) for bias in biases)
    assert adapter.g.synthesis.b16.conv0.noise_strength.grad == 1
    assert adapter.d.b4.out.weight.grad.min() == 1


def test_at_first_only_the_end_of_the_discriminator_trains(made):
    adapter = with_gradients(made())
    adapter.start_at(adapter.head_images - 1)
    for index in (G, D):
        adapter.screen(index)
    assert all(p.grad is None for p in adapter.g.parameters())
    assert all(p.grad is None for layer in block_layers(adapter.d) for p in layer.parameters())
    assert all(p.grad is not None for p in adapter.d.b4.parameters())


@pytest.mark.parametrize(("method", "stays"), [("rick", False), ("rick_released", True)])
def test_removed_kernels_are_zero_and_the_released_average_keeps_them(made, method, stays):
    adapter = made(method)
    adapter.removed[::2] = True
    adapter.remove()
    for g, kept in ((adapter.g, False), (adapter.ema.model, stays)):
        kinds = layers_of(g, adapter.d)
        for layer, rows in zip(
            [layer for kind in kinds[:2] for layer in kind],
            adapter.by_layer(adapter.removed),
            strict=False,
        ):
            assert any(tensor[rows].any() for tensor in layer) == kept
            assert layer[0][~rows].any()
    rows = adapter.by_layer(adapter.removed)[-1]
    assert not adapter.layers[-1][0][rows].any()


def test_what_is_removed_stays_removed_and_what_is_frozen_may_thaw(made):
    adapter = made()
    adapter.frozen.fill_(True)
    adapter.removed[5] = True
    adapter.thaw()
    assert not any(p.requires_grad for layer in adapter.layers for p in layer)
    adapter.choose()
    assert adapter.removed[5]
    assert adapter.removed.sum() > 1
    assert 0 < adapter.frozen.sum() < len(adapter.frozen)
    assert any(p.requires_grad for layer in adapter.layers for p in layer)


def test_it_measures_every_so_many_steps_of_the_second_stage(made, monkeypatch):
    adapter, measured = made(), []
    monkeypatch.setattr("adapters.finetune.FineTune.training_step", lambda *_: None)
    adapter.choose = lambda: measured.append(adapter.images_seen)
    first = -(-adapter.head_images // adapter.batch_size)
    for step in range(first + 2 * adapter.every):
        adapter.start_at(step * adapter.batch_size)
        adapter.training_step((torch.empty(0), torch.empty(0)), 0)
    assert measured == [(first + n * adapter.every) * adapter.batch_size for n in (0, 1)]
