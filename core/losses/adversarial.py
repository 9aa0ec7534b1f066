"""Adversarial losses of StyleGAN2 (arXiv:1912.04958): non-saturating logistic, batch means."""

from torch import Tensor
from torch.nn.functional import softplus


def logistic_g(fake_logits: Tensor) -> Tensor:
    """The generator's loss of logits [N, 1]: small when the fakes pass for real."""
    return softplus(-fake_logits).mean()


def logistic_d(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The discriminator's loss of logits [N, 1]: small when reals score high and fakes low."""
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()
