"""Faces brought to the framing of FFHQ, from landmarks that a file or a detector gives."""

from benchmarks.harness.alignment.detectors import DETECTORS, Detector, detector
from benchmarks.harness.alignment.ffhq import Quad, align

__all__ = ["DETECTORS", "Detector", "Quad", "align", "detector"]
