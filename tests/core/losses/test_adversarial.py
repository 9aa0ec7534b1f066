import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from core.losses.adversarial import logistic_d, logistic_g


def test_undecided_logits_cost_the_logarithm_of_two() -> None:
    zeros = torch.zeros(4, 1)
    assert logistic_g(zeros).item() == pytest.approx(math.log(2))
    assert logistic_d(zeros, zeros).item() == pytest.approx(2 * math.log(2))


def test_losses_are_cross_entropies() -> None:
    real, fake = torch.randn(2, 6, 1, generator=torch.Generator().manual_seed(0)).double()
    entropy = binary_cross_entropy_with_logits
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    torch.testing.assert_close(logistic_g(fake), entropy(fake, ones))
    torch.testing.assert_close(logistic_d(real, fake), entropy(real, ones) + entropy(fake, zeros))


def test_extreme_logits_stay_finite() -> None:
    far = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    loss = logistic_g(far) + logistic_d(far, far)
    loss.backward()
    assert loss.isfinite()
    assert far.grad.isfinite().all()
