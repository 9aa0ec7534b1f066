"""Adaptive discriminator augmentation (arXiv:2006.06676)."""

from core.augment.controller import ADA, Fixed, Off, RosinalityADA
from core.augment.draws import Chance, Percentile
from core.augment.pipeline import PIPELINES, TRANSFORMS, Pipeline

__all__ = ["ADA", "PIPELINES", "TRANSFORMS", "Chance", "Fixed", "Off", "Percentile", "Pipeline",
           "RosinalityADA"]  # fmt: skip
