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
from benchmarks.metrics.extrapolated import FDInfinity
from benchmarks.metrics.kernel import CMMD, KIDInterval, gaussian_mmd
from benchmarks.metrics.manifold import density_coverage, precision_recall, radii
from benchmarks.metrics.memorisation import AuthPct, authenticity
from benchmarks.metrics.palette import Palette
from benchmarks.metrics.path_length import PathLength
from benchmarks.metrics.perceptual import (
    IntraClusterMaps,
    NearestShotMaps,
    NearestSource,
    Pairwise,
)
from benchmarks.metrics.persons import FoundIdentity, Recognition
from benchmarks.metrics.structure import StructureDistance

__all__ = [
    "CMMD",
    "FD",
    "KID",
    "AuthPct",
    "Coverage",
    "Density",
    "FDInfinity",
    "FoundIdentity",
    "Identity",
    "IntraCluster",
    "IntraClusterMaps",
    "KIDInterval",
    "Landmarks",
    "Measure",
    "NearestShot",
    "NearestShotMaps",
    "NearestSource",
    "Pairwise",
    "Palette",
    "PathLength",
    "Precision",
    "Recall",
    "Recognition",
    "StructureDistance",
    "Translation",
    "authenticity",
    "density_coverage",
    "frechet_distance",
    "gaussian_mmd",
    "intra_cluster",
    "moments",
    "polynomial_mmd",
    "precision_recall",
    "radii",
]
