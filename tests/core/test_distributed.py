"""What is drawn for all processes that train together, and what each keeps of it."""

import pytest
import torch

from core import distributed

DRAWS = [
    lambda rng, n: torch.randn(n, 3, generator=rng),
    lambda rng, n: torch.randn((n, 3), generator=rng),
    lambda rng, n: torch.rand([n], generator=rng),
    lambda rng, n: torch.rand(torch.Size([n, 2, 2]), generator=rng),
    lambda rng, n: torch.randint(9, (n, 2), generator=rng),
    lambda rng, n: torch.randint(3, 9, (n,), generator=rng),
]


@pytest.fixture
def process(monkeypatch):
    """Draws as one process of several does."""

    def drawn(draw, n, rank, count):
        monkeypatch.setattr(distributed, "world_size", lambda: count)
        monkeypatch.setattr(distributed, "rank", lambda: rank)
        rng = torch.Generator().manual_seed(5)
        with distributed.ShardedRandom():
            return draw(rng, n), rng.get_state()

    return drawn


@pytest.mark.parametrize("draw", DRAWS)
def test_processes_keep_their_rows_of_one_draw(process, draw):
    whole, state = process(draw, 6, 0, 1)
    for rank in range(2):
        rows, after = process(draw, 3, rank, 2)
        assert torch.equal(rows, whole[rank::2])
        assert torch.equal(after, state)


def test_a_single_number_and_a_draw_without_a_generator_are_everybodys(process):
    number, _ = process(lambda rng, n: torch.rand((), generator=rng), 1, 1, 2)
    assert torch.equal(number, process(lambda rng, n: torch.rand((), generator=rng), 1, 0, 1)[0])
    torch.manual_seed(0)
    assert process(lambda rng, n: torch.randn(n, 2), 3, 1, 2)[0].shape == (3, 2)
