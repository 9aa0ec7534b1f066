"""Adam (arXiv:1412.6980) for losses regularised lazily, and for rows that come by turns."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from core.bounds import Betas, Period, Weight

Params = Iterable[nn.Parameter]


class LazyAdam(Adam):
    """Adam corrected for one extra step in every ``every`` ones (arXiv:1912.04958, appendix B)."""

    def __init__(
        self, params: Params, lr: Weight, betas: Betas, every: Period, eps: Weight = 1e-8
    ) -> None:
        rho = 1 - 1 / (every + 1)  # 1 where every is infinity: there is no penalty
        super().__init__(params, lr=lr * rho, betas=(betas[0] ** rho, betas[1] ** rho), eps=eps)


class RowAdam(Optimizer):
    """Adam for each row of tensors [K, ...] on its own: a row without gradient stays where it is,
    so that many small problems share a tensor. Groups of tensors may have rates of their own.
    """

    def __init__(
        self, params: Any, lr: Weight, betas: Betas = (0.9, 0.999), eps: Weight = 1e-8
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": tuple(betas), "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of the rows that have gradients."""
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._rows(p, p.grad, group)
        return loss

    def _rows(self, p: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, (b1, b2) = self.state[p], group["betas"]
        if not state:
            state["steps"] = torch.zeros(len(p), device=p.device)
            state["mean"], state["square"] = torch.zeros_like(p), torch.zeros_like(p)
        rows = gradient.flatten(1).ne(0).any(1).nonzero()[:, 0]
        gradient = gradient[rows]
        state["steps"][rows] += 1
        state["mean"][rows] = b1 * state["mean"][rows] + (1 - b1) * gradient
        state["square"][rows] = b2 * state["square"][rows] + (1 - b2) * gradient.square()
        steps = state["steps"][rows].reshape(-1, *[1] * (p.ndim - 1))
        mean = state["mean"][rows] / (1 - b1**steps)
        spread = (state["square"][rows] / (1 - b2**steps)).sqrt() + group["eps"]
        p[rows] -= group["lr"] * mean / spread
