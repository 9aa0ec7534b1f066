"""What the discriminator of APA is shown as real."""

import pytest
import torch

from adapters.adversarial import Batch
from benchmarks.harness.config.build import build

N = 8


@pytest.fixture
def adapter(composed):
    cfg = composed("method=apa")
    return build(cfg.method, build(cfg.source))


@pytest.fixture
def batch():
    reals = torch.rand(N, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return Batch(reals, torch.arange(N), step=0)


def shown(adapter, batch):
    """What D sees in its loss, reals first, and in R1."""
    seen = []
    adapter.d.register_forward_pre_hook(lambda d, inputs: seen.append(inputs[0].detach().clone()))
    adapter.d_loss(batch)
    adapter.d_penalty(batch)
    return seen[0], seen[2]


def share_of_fakes(pictures, batch):
    return (pictures != batch.reals).flatten(1).any(1).float().mean().item()


def test_at_first_all_reals_are_real(adapter, batch):
    assert adapter.deception.p == 0
    before = adapter.rng.get_state()
    for pictures in shown(adapter, batch):
        assert torch.equal(pictures, batch.reals)
    assert not torch.equal(adapter.rng.get_state(), before)  # D's own fakes


@pytest.mark.parametrize(("p", "share"), [(0.5, (0.1, 0.9)), (1.0, (1, 1))])
def test_the_loss_and_r1_see_fakes_by_the_probability_drawn_anew(adapter, batch, p, share):
    adapter.deception.p.fill_(p)
    pairs = [shown(adapter, batch) for _ in range(6)]
    for own in zip(*pairs, strict=True):
        shares = [share_of_fakes(pictures, batch) for pictures in own]
        assert share[0] <= sum(shares) / 6 <= share[1]
    assert not any(torch.equal(loss, r1) for loss, r1 in pairs)


def test_the_probability_follows_the_logits_of_what_was_shown(adapter):
    every, kimg = adapter.deception.every, adapter.deception.kimg
    for _ in range(every):
        adapter.observe(torch.ones(N, 1))
    assert adapter.scalars()["pseudo_reals"].item() == pytest.approx(every * N / (1000 * kimg))
    for _ in range(every):
        adapter.observe(-torch.ones(N, 1))
    assert adapter.deception.p == 0


def test_its_own_augmentation_follows_them_too(composed):
    ada = ["method.augment._target_=core.augment.ADA", "+method.augment.pipeline=bgc"]
    numbers = ("target=0.6", "kimg=5", "every=1", "p_max=1", "seed=0")
    ada += [f"+method.augment.{number}" for number in numbers]
    cfg = composed("method=apa", *ada)
    adapter = build(cfg.method, build(cfg.source))
    adapter.observe(torch.ones(N, 1))
    assert adapter.augment.p > 0
    assert adapter.deception.p == 0


def test_what_is_shown_goes_on_where_it_stopped(adapter, batch, composed):
    adapter.deception.p.fill_(0.5)
    shown(adapter, batch)
    cfg = composed("method=apa")
    other = build(cfg.method, build(cfg.source))
    other.load_state_dict(adapter.state_dict())
    other.rng.set_state(adapter.rng.get_state())
    for one, same in zip(shown(adapter, batch), shown(other, batch), strict=True):
        assert torch.equal(one, same)
