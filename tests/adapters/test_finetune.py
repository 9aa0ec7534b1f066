"""A whole training beside the loop of the published codes, written out step by step."""

import copy

import pytest
import torch
from torch.nn.functional import softplus

from adapters.adversarial import Batch
from benchmarks.harness.config.build import build
from core.networks.mixing_regularisation import mixed_ws

BATCH, STEPS, SIDE = 4, 5, 64
PATH_LENGTH = [
    "method.path_length._target_=core.losses.penalties.PathLength",
    "+method.path_length.weight=2",
    "method.path_length.every=2",
    "+method.path_length.decay=0.01",
    "+method.path_length.shrink=2",
]


class Trainee:
    """An adapter that steps without a trainer, in double precision, with noise maps that count."""

    def __init__(self, cfg):
        source = build(cfg.source)
        with torch.no_grad():
            for g in (source.g, source.raw):
                for name, p in g.named_parameters():
                    if name.endswith("noise_strength"):
                        p.fill_(0.5)
        self.adapter = build(cfg.method, source).double()
        optimisers = self.adapter.configure_optimizers()
        self.adapter.optimizers = lambda: optimisers
        self.adapter.toggle_optimizer = self.adapter.untoggle_optimizer = lambda optimiser: None
        self.adapter.manual_backward = lambda loss: loss.backward()
        self.optimisers = optimisers


def reals():
    rng = torch.Generator().manual_seed(5)
    return torch.rand(BATCH, 3, SIDE, SIDE, generator=rng).double() * 2 - 1


def published(adapter, rate=0.002, gamma=0.5):
    """D, R1, G, path length, average, as rosinality's and NVIDIA's loops have them."""
    g, d, rng = adapter.g, adapter.d, adapter.rng
    mean_length, average = torch.zeros((), dtype=torch.float64), copy.deepcopy(g)
    d_share, g_share = 16 / 17, 2 / 3  # of penalties that are due every 16 and 2 steps
    adam = torch.optim.Adam
    d_optimiser = adam(d.parameters(), lr=rate * d_share, betas=(0.0, 0.99**d_share))
    g_optimiser = adam(g.parameters(), lr=rate * g_share, betas=(0.0, 0.99**g_share))

    def drawn(n):
        z, other = (torch.randn(n, g.z_dim, generator=rng).double() for _ in range(2))
        return mixed_ws(g.mapping, z, other, 0.9, rng)

    def pictures(ws):
        return g.synthesis(ws, noise_mode="random", generator=rng)

    def step(optimiser, loss):
        g.zero_grad(), d.zero_grad()
        loss.backward()
        optimiser.step()

    for number in range(STEPS):
        with torch.no_grad():
            ws = drawn(BATCH)
            g.mapping.track(ws[:, 0])
            fakes = pictures(ws)
        images = reals()
        step(d_optimiser, softplus(-d(images)).mean() + softplus(d(fakes)).mean())
        if number % 16 == 0:
            images.requires_grad_(True)
            logits = d(images)
            (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
            penalty = gradient.square().sum((1, 2, 3)).mean()
            step(d_optimiser, gamma / 2 * penalty * 16 + 0 * logits[0, 0])
        step(g_optimiser, softplus(-d(pictures(drawn(BATCH)))).mean())
        if number % 2 == 0:
            ws = drawn(BATCH // 2)
            fakes = pictures(ws)
            noise = torch.randn(fakes.shape, generator=rng).double() / SIDE
            (gradient,) = torch.autograd.grad((fakes * noise).sum(), ws, create_graph=True)
            lengths = gradient.square().sum(2).mean(1).sqrt()
            mean = mean_length + 0.01 * (lengths.mean() - mean_length)
            mean_length = mean.detach()
            step(g_optimiser, 2 * 2 * (lengths - mean).square().mean() + 0 * fakes[0, 0, 0, 0])
        keep = 0.5 ** (BATCH / 1000)  # a half-life of 1 kimg, as the yaml has
        with torch.no_grad():
            for mine, new in zip(average.parameters(), g.parameters(), strict=True):
                mine.lerp_(new, 1 - keep)
    return average


def test_a_training_is_that_of_the_published_loops(composed):
    """Random noise maps under the path length, and steps by zeros where a penalty has no part."""
    cfg = composed("source=tiny", "method=finetune", "seed=3", *PATH_LENGTH)
    ours, theirs = Trainee(cfg), Trainee(cfg)
    start = copy.deepcopy(ours.adapter.g)
    for step in range(STEPS):
        ours.adapter.adversarial_step(Batch(reals(), torch.arange(BATCH), step))
    average = published(theirs.adapter)
    for mine, official in (
        (ours.adapter.g, theirs.adapter.g),
        (ours.adapter.d, theirs.adapter.d),
        (ours.adapter.ema.model, average),
    ):
        pairs = zip(mine.named_parameters(), official.parameters(), strict=True)
        for (name, p), q in pairs:
            torch.testing.assert_close(
                p, q, rtol=1e-7, atol=1e-10, msg=lambda m, n=name: f"{n}: {m}"
            )
    moved = zip(start.parameters(), ours.adapter.g.parameters(), strict=True)
    assert sum(bool((a != b).any()) for a, b in moved) > 20


@pytest.mark.parametrize("method", ["finetune", "cdc", "cdc_released", "rssa"])
def test_every_weight_that_takes_part_steps_with_a_penalty(composed, method):
    cfg = composed("source=tiny", f"method={method}", "source.invert=optimise")
    trainee = Trainee(cfg)
    adapter = trainee.adapter
    adapter.prepare(reals()) if method != "rssa" else None
    images = Batch(reals(), torch.arange(BATCH), step=0)
    adapter.d_penalty(images).backward()
    without = [name for name, p in adapter.d.named_parameters() if p.grad is None]
    assert without == []


@pytest.mark.parametrize("counted", [False, True])
def test_the_released_cdc_steps_by_zeros_as_under_torch_1_7_if_asked(composed, counted):
    """An image step gives D's heads no gradient: they stand still, or their moments fade."""
    words = ["source=tiny", "method=cdc_released", f"method.zero_gradients={counted}".lower()]
    trainee = Trainee(composed(*words))
    trainee.adapter.prepare(reals())
    steps = []
    for step in (1, 4):  # patches; the whole picture
        trainee.adapter.adversarial_step(Batch(reals(), torch.arange(BATCH), step))
        states = [trainee.optimisers[1].state[p] for p in trainee.adapter.heads.parameters()]
        steps.append([int(state["step"]) for state in states if state])
    assert set(steps[0]) == {1}
    assert set(steps[1]) == ({2} if counted else {1})


@pytest.mark.parametrize(("decay", "factors"), [(0.0, [1, 1, 1, 1]), (0.5, [1, 1, 1, 0.5])])
def test_rates_fall_to_nothing_over_the_last_part_of_a_training(composed, decay, factors):
    words = ["source=tiny", "method=finetune", f"method.lr_decay={decay}", "method.images=16"]
    trainee = Trainee(composed(*words))
    first = [optimiser.param_groups[0]["lr"] for optimiser in trainee.optimisers]
    for factor in factors:
        trainee.adapter.training_step((reals(), torch.arange(BATCH)), 0)
        rates = [optimiser.param_groups[0]["lr"] for optimiser in trainee.optimisers]
        assert rates == pytest.approx([rate * factor for rate in first])
    again = Trainee(composed(*words))  # a resumed run
    for mine, theirs in zip(again.optimisers, trainee.optimisers, strict=True):
        mine.load_state_dict(theirs.state_dict())
    again.adapter.start_at(12)
    again.adapter.training_step((reals(), torch.arange(BATCH)), 0)
    assert again.optimisers[0].param_groups[0]["lr"] == pytest.approx(first[0] * factors[-1])
