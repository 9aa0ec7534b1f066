"""Metrics: pure functions on features, and one class a number that reads a gallery.

A metric has ``better`` ("lower" or "higher"), ``needs`` (the gallery streams and facts it reads)
and ``__call__(gallery) -> Measure``. Its yaml key names the extractor: ``kid@parafaces``.
"""

from benchmarks.measure import Measure
from benchmarks.metrics.clusters import intra_cluster
from benchmarks.metrics.correspondence import Identity, Landmarks, Translation
from benchmarks.metrics.distances import frechet_distance, moments, polynomial_mmd
from benchmarks.metrics.distribution import FD, KID, Coverage, Density, Precision, Recall
from benchmarks.metrics.diversity import IntraCluster, NearestShot
from benchmarks.metrics.manifold import density_coverage, precision_recall, radii
from benchmarks.metrics.palette import Palette

__all__ = [
    "FD",
    "KID",
    "Coverage",
    "Density",
    "Identity",
    "IntraCluster",
    "Landmarks",
    "Measure",
    "NearestShot",
    "Palette",
    "Precision",
    "Recall",
    "Translation",
    "density_coverage",
    "frechet_distance",
    "intra_cluster",
    "moments",
    "polynomial_mmd",
    "precision_recall",
    "radii",
]
