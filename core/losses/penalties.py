"""Lazy regularisers: each knows how often it is due and returns its value times that number. Both
differentiate twice, on the CPU in full precision, and give every weight that has a part in what
they look at a gradient.
Papers: R1 of "Which training methods for GANs do actually converge?" (arXiv:1801.04406); path
length and lazy regularisation of StyleGAN2 (arXiv:1912.04958).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core import distributed, draws
from core.bounds import Count, Period, Share, Weight

Images = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class R1:
    """gamma / 2 times the mean squared norm of D's gradient at the reals, times ``every``."""

    gamma: Weight
    every: Count

    def due(self, step: int) -> bool:
        return step % self.every == 0

    def __call__(self, d: Images, reals: Tensor, augment: Images) -> Tensor:
        """Scalar; reals [N, 3, R, R] are differentiated before they are augmented."""
        with precision_of(reals):
            reals = reals.detach().to(dtype_of(reals)).requires_grad_(True)
            logits = d(augment(reals))
            (gradient,) = torch.autograd.grad(logits.sum(), reals, create_graph=True)
            # Sum, not mean, over pixels: gamma is tuned for it.
            penalty = gradient.square().sum((1, 2, 3)).mean() * (self.gamma / 2 * self.every)
            return penalty + nothing_of(logits)


class PathLength(nn.Module):
    """Keeps the generator's steps as long as its styles' steps, times ``every``, by one
    ``shrink``-th of the batch; ``decay`` is the share of the new mean length in the running one.
    """

    mean: Tensor

    def __init__(self, *, weight: Weight, every: Count, decay: Share, shrink: Count) -> None:
        super().__init__()
        self.weight, self.every, self.decay, self.shrink = weight, every, decay, shrink
        self.register_buffer("mean", torch.zeros([]))

    def due(self, step: int) -> bool:
        return step % self.every == 0

    def batch(self, n: int) -> int:
        """How many pictures the penalty uses of a batch of n."""
        return max(1, n // self.shrink)

    def __call__(self, synthesis: Images, ws: Tensor, generator: torch.Generator) -> Tensor:
        """Scalar of styles [N, L, W]; ``synthesis`` decides on the noise of the images."""
        with precision_of(ws):
            ws = ws.to(dtype_of(ws))
            if not ws.requires_grad:  # the mapping network is frozen
                ws = ws.detach().requires_grad_(True)
            images = synthesis(ws)
            noise = draws.randn(images.shape, generator, images.device).to(images.dtype)
            penalty = self.of(path_lengths(images, ws, noise)) * (self.weight * self.every)
            return penalty + nothing_of(images)

    def of(self, lengths: Tensor) -> Tensor:
        """Mean squared distance of lengths [N] from their running mean, which moves first."""
        # The new mean keeps its gradient, as in the published code.
        mean = self.mean + self.decay * (distributed.all_reduce_mean(lengths.mean()) - self.mean)
        self.mean.copy_(mean.detach())
        return (lengths - mean).square().mean()


def path_lengths(images: Tensor, ws: Tensor, noise: Tensor) -> Tensor:
    """[N]: how far images [N, 3, R, R] move along noise of unit energy per step of ws [N, L, W]."""
    noise = noise / math.sqrt(images.shape[2] * images.shape[3])  # one length at any resolution
    (gradient,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()


def nothing_of(output: Tensor) -> Tensor:
    """Zero, whose gradient reaches all that made the output. What a penalty does not depend on
    (the last bias, say) would have no gradient, and Adam would leave out the step by which its
    moments fade; the published codes have it take that step.
    """
    return 0 * output.flatten()[0]


def precision_of(x: Tensor) -> torch.autocast:
    """On a GPU that of the network, as published; elsewhere full, as records were made."""
    kind = x.device.type
    own = x.is_cuda and torch.is_autocast_enabled(kind)
    # What autocast remembers are weights of before the last step of the optimiser.
    return torch.autocast(kind, enabled=own, cache_enabled=False)


def dtype_of(x: Tensor) -> torch.dtype:
    """The precision in which to differentiate twice: at least float32."""
    return torch.promote_types(x.dtype, torch.float32)


@dataclass(frozen=True, kw_only=True)
class NoPathLength:
    """No path length regularisation; never due."""

    every: Period

    def due(self, step: int) -> bool:
        return False

    def batch(self, n: int) -> int:
        return 0

    def __call__(self, synthesis: Images, ws: Tensor, generator: torch.Generator) -> Tensor:
        return ws.new_zeros(())
