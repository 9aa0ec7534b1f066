"""Adam (arXiv:1412.6980) for losses regularised lazily, and for rows that come by turns."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from core.bounds import Betas, Period, Weight

Params = Iterable[nn.Parameter]


def fuse(optimiser: Optimizer) -> None:
    """Have Adam take all weights in one kernel, where there is one: on CPUs and NVIDIA's GPUs."""
    for group in optimiser.param_groups:
        if "fused" in group and {p.device.type for p in group["params"]} <= {"cpu", "cuda"}:
            group["fused"] = True


def pace(optimiser: Optimizer, factor: float) -> None:
    """Let every group step by its first rate times a factor."""
    for group in optimiser.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor


class LazyAdam(Adam):
    """Adam corrected for one extra step in every ``every`` ones (arXiv:1912.04958, appendix B), at
    ``times`` the rate that it is given.
    """

    def __init__(
        self,
        params: Params,
        lr: Weight,
        betas: Betas,
        every: Period,
        eps: Weight = 1e-8,
        times: Weight = 1.0,
    ) -> None:
        rho = 1 - 1 / (every + 1)  # 1 where every is infinity: there is no penalty
        decays = betas[0] ** rho, betas[1] ** rho
        super().__init__(params, lr=lr * rho * times, betas=decays, eps=eps)


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
        moves = gradient.flatten(1).ne(0).any(1)  # a mask, since counting rows would be waited for
        rows = moves.reshape(-1, *[1] * (p.ndim - 1))
        state["steps"] += moves
        mean = b1 * state["mean"] + (1 - b1) * gradient
        square = b2 * state["square"] + (1 - b2) * gradient.square()
        for name, value in {"mean": mean, "square": square}.items():
            state[name] = torch.where(rows, value, state[name])
        steps = state["steps"].reshape(rows.shape)
        spread = (square / (1 - b2**steps)).sqrt() + group["eps"]
        step = group["lr"] * (mean / (1 - b1**steps)) / spread
        p.copy_(torch.where(rows, p - step, p))
