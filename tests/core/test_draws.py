import pytest
import torch

from core import draws
from core.errors import UserError

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def by_choice():
    yield
    draws.choose("device")


def stream():
    return torch.Generator().manual_seed(3)


def test_on_the_cpu_numbers_are_the_streams_own_whatever_is_chosen():
    for choice in draws.CHOICES:
        draws.choose(choice)
        drawn = draws.randn((2, 3), stream(), CPU)
        assert torch.equal(drawn, torch.randn(2, 3, generator=stream()))


def test_numbers_for_a_device_come_from_a_number_of_the_stream():
    """So the state of the stream is all that a checkpoint needs."""
    rng = stream()
    one, two = (torch.randn(4, generator=draws.successor(rng, CPU)) for _ in range(2))
    assert not torch.equal(one, two)
    rng = stream()
    draws.successor(rng, CPU)
    again = torch.Generator()
    again.set_state(rng.get_state())
    assert torch.equal(torch.randn(4, generator=draws.successor(again, CPU)), two)


def test_it_is_known_where_numbers_are_drawn():
    assert (draws.place(GPU), draws.place(CPU)) == ("cuda", "cpu")
    draws.choose("cpu")
    assert draws.place(GPU) == "cpu"
    with pytest.raises(UserError, match=r"machine\.streams=gpu is unknown"):
        draws.choose("gpu")
