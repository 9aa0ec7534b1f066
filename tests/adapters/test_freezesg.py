"""Which style rows of FreezeSG are the source's, in training and in evaluation."""

import pytest
import torch

from benchmarks.harness.config.build import build

FROZEN = 2  # rows: as in section 3 of the paper and freezeStyle=2 of its code


@pytest.fixture
def made(composed):
    """A method with mapping networks that are not the source's any more, and eight latents."""

    def made(method, mixing_prob, *words):
        cfg = composed(f"method={method}", f"method.mixing_prob={mixing_prob}", *words)
        adapter = build(cfg.method, build(cfg.source))
        for step, network in enumerate((adapter.g, adapter.ema.model), 1):
            for weight in network.mapping.parameters():
                weight.data += 0.1 * step * torch.randn_like(weight)
        return adapter.requires_grad_(False), torch.randn(8, adapter.source.g.z_dim)

    return made


@pytest.mark.parametrize(("words", "frozen"), [((), FROZEN), (("method.frozen_ws=4",), 4)])
def test_the_first_rows_are_the_sources_in_training_and_in_evaluation(made, words, frozen):
    adapter, z = made("freezesg", 0, *words)
    source = adapter.source.g.mapping(z)
    assert source.shape[1] > 4
    for rows, own in (
        (adapter.ws(adapter.g, z), adapter.g),
        (adapter.latents(z), adapter.ema.model),
    ):
        assert torch.equal(rows[:, :frozen], source[:, :frozen])
        assert torch.equal(rows[:, frozen:], own.mapping(z)[:, frozen:])
        assert not (rows[:, frozen:] == source[:, frozen:]).all(2).any()


def test_mixing_does_not_reach_the_frozen_rows(made):
    adapter, z = made("freezesg", 1)
    own, counts = adapter.g.mapping(z), set()
    for _ in range(100):
        rows = adapter.ws(adapter.g, z)
        assert torch.equal(rows[:, :FROZEN], adapter.source.g.mapping(z)[:, :FROZEN])
        counts.add(int((rows == own).all(2).all(0).sum()))
    # This latent's rows end at the crossover, which is any of 1 to L - 1.
    assert counts == set(range(own.shape[1] - FROZEN))


def test_the_released_code_takes_untrained_rows_in_mixing_steps_alone(made):
    adapter, z = made("freezesg_released", 0)
    assert torch.equal(adapter.ws(adapter.g, z), adapter.g.mapping(z))
    assert torch.equal(adapter.latents(z), adapter.ema.model.mapping(z))
    adapter, z = made("freezesg_released", 1)
    untrained = adapter.untrained(z)
    assert not (untrained == adapter.source.g.mapping(z)).all(2).any()
    seconds = []
    for _ in range(40):
        rows = adapter.ws(adapter.g, z)
        assert torch.equal(rows[:, 0], untrained[:, 0])
        assert torch.equal(rows[:, FROZEN:], adapter.g.mapping(z)[:, FROZEN:])
        assert not (rows[:, 1] == adapter.g.mapping(z)[:, 1]).all(1).any()
        seconds.append(torch.equal(rows[:, 1], untrained[:, 1]))
    assert 0 < seconds.count(False) < 40  # another latent's where the crossover is at row 1
