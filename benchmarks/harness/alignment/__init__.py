"""Faces brought to the framing of FFHQ, from landmarks that a file or a detector gives.
Whatever finds a face (a JSON of landmarks, MTCNN, dlib, MediaPipe, face-alignment) gives four
points (`landmarks`); `ffhq` cuts the square that these say, and `framing` chooses what is done to a
photograph before a generator sees it. Detectors go by name; none is needed to import this.
"""

from benchmarks.harness.alignment.detectors import DETECTORS, Detector, detector
from benchmarks.harness.alignment.ffhq import Quad, align

__all__ = ["DETECTORS", "Detector", "Quad", "align", "detector"]
