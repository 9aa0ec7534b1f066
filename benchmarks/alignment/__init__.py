"""Faces brought to the framing of FFHQ, from landmarks that a file or a detector gives."""

from benchmarks.alignment.detectors import DETECTORS, Detector, detector
from benchmarks.alignment.quad import Quad, align

__all__ = ["DETECTORS", "Detector", "Quad", "align", "detector"]
