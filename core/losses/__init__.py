"""Scalars to be minimised. Means over the batch, so that several processes average their gradients;
a loss that compares samples with each other first gathers those of all processes
(`core.distributed.gather`).
"""

from core.losses.adversarial import logistic_d, logistic_g
from core.losses.penalties import R1, PathLength

__all__ = ["R1", "PathLength", "logistic_d", "logistic_g"]
