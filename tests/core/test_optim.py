import math

import pytest
import torch
from torch import nn
from torch.optim import Adam

from core.optim import LazyAdam


def trained(optimizer: torch.optim.Optimizer, weight: nn.Parameter) -> torch.Tensor:
    for step in range(5):
        optimizer.zero_grad()
        (weight * torch.tensor([1.0, -2.0, 0.5]) * (step + 1)).sum().backward()
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize("every", [4, 16])
def test_lazy_adam_equals_adam_with_corrected_rate_and_betas(every: int) -> None:
    rho = every / (every + 1)
    lazy, plain = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    betas = (0.5**rho, 0.99**rho)
    torch.testing.assert_close(
        trained(LazyAdam([lazy], lr=0.002, betas=[0.5, 0.99], every=every), lazy),
        trained(Adam([plain], lr=0.002 * rho, betas=betas, eps=1e-8), plain),
        rtol=0,
        atol=0,
    )


def test_published_rates_and_betas_of_both_players() -> None:
    weight = [nn.Parameter(torch.ones(1))]
    g = LazyAdam(weight, lr=0.002, betas=(0.0, 0.99), every=4).param_groups[0]
    d = LazyAdam(weight, lr=0.002, betas=(0.0, 0.99), every=16).param_groups[0]
    assert g["lr"] == pytest.approx(0.0016)
    assert g["betas"] == pytest.approx((0, 0.991992), abs=1e-6)
    assert d["lr"] == pytest.approx(0.00188235, abs=1e-8)
    assert d["betas"] == pytest.approx((0, 0.990585), abs=1e-6)


def test_without_a_penalty_nothing_is_corrected() -> None:
    group = LazyAdam(
        [nn.Parameter(torch.ones(1))], lr=0.002, betas=(0.0, 0.99), every=math.inf
    ).param_groups[0]
    assert group["lr"] == 0.002
    assert group["betas"] == (0.0, 0.99)
