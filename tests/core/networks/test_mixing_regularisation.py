import torch

from core.networks.generator import Mapping
from core.networks.mixing_regularisation import crossed, mixed_ws


def test_rows_below_the_crossover_are_the_first_latents():
    ws1, ws2 = torch.zeros(2, 6, 3), torch.ones(2, 6, 3)
    assert crossed(ws1, ws2, 2)[0, :, 0].tolist() == [0, 0, 1, 1, 1, 1]


def test_mixing_happens_as_often_as_asked_and_never_takes_all_rows_of_one():
    mapping = Mapping(z_dim=4, w_dim=4, num_ws=6, layers=1)
    z1, z2 = torch.randn(2, 4), torch.randn(2, 4)
    generator = torch.Generator().manual_seed(0)
    first = mapping(z1)
    found = [mixed_ws(mapping, z1, z2, 0.5, generator) for _ in range(400)]
    changed = [int((ws != first).any(2).any(0).sum()) for ws in found]
    share = sum(n > 0 for n in changed) / len(changed)
    assert 0.4 < share < 0.6
    assert set(changed) == {0, 1, 2, 3, 4, 5}


def test_no_mixing_keeps_the_styles_and_a_seed_repeats_itself():
    mapping = Mapping(z_dim=4, w_dim=4, num_ws=6, layers=1)
    z1, z2 = torch.randn(2, 4), torch.randn(2, 4)
    assert torch.equal(mixed_ws(mapping, z1, z2, 0.0, torch.Generator()), mapping(z1))
    pair = [mixed_ws(mapping, z1, z2, 0.9, torch.Generator().manual_seed(7)) for _ in "ab"]
    assert torch.equal(*pair)
