"""Scalars to be minimised: means over the batch, so that several processes average their gradients;
what compares samples gathers all first (`core.distributed.gather`).
"""

from core.losses.adversarial import logistic_d, logistic_g
from core.losses.penalties import R1, PathLength

__all__ = ["R1", "PathLength", "logistic_d", "logistic_g"]
