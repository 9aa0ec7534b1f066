"""Adam for losses that are regularised lazily (arXiv:1912.04958, appendix B)."""

from collections.abc import Iterable, Sequence

from torch import nn
from torch.optim import Adam


class LazyAdam(Adam):
    """Adam whose rate and betas are corrected for one extra step in every ``every`` steps.

    Args:
        params: to train.
        lr: learning rate before the correction.
        betas: before the correction.
        every: steps between two penalties; infinity where there is none.
        eps: Adam's.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        betas: Sequence[float],
        every: float,
        eps: float = 1e-8,
    ) -> None:
        rho = 1 - 1 / (every + 1)
        super().__init__(params, lr=lr * rho, betas=(betas[0] ** rho, betas[1] ** rho), eps=eps)
