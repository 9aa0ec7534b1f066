"""Metrics: pure functions on features, and one class a number that reads a gallery.

A metric has ``better`` ("lower" or "higher"), ``needs`` (the gallery streams and facts it reads)
and ``__call__(gallery) -> Measure``. Its yaml key names the extractor: ``kid@parafaces``.
"""

from benchmarks.harness.evaluation.measure import Measure
from benchmarks.harness.evaluation.metrics.clusters import intra_cluster
from benchmarks.harness.evaluation.metrics.correspondence import Identity, Landmarks, Translation
from benchmarks.harness.evaluation.metrics.distances import (
    frechet_distance,
    moments,
    polynomial_mmd,
)
from benchmarks.harness.evaluation.metrics.distribution import (
    FD,
    KID,
    Coverage,
    Density,
    Precision,
    Recall,
)
from benchmarks.harness.evaluation.metrics.diversity import IntraCluster, NearestShot
from benchmarks.harness.evaluation.metrics.fid_infinity import FDInfinity
from benchmarks.harness.evaluation.metrics.identity import DetectedIdentity, Recognition
from benchmarks.harness.evaluation.metrics.kernel import CMMD, KIDInterval, gaussian_mmd
from benchmarks.harness.evaluation.metrics.manifold import density_coverage, precision_recall, radii
from benchmarks.harness.evaluation.metrics.memorisation import AuthPct, authenticity
from benchmarks.harness.evaluation.metrics.palette import Palette
from benchmarks.harness.evaluation.metrics.path_length import PerceptualPathLength
from benchmarks.harness.evaluation.metrics.perceptual import (
    IntraClusterMaps,
    NearestShotMaps,
    NearestSource,
    Pairwise,
)
from benchmarks.harness.evaluation.metrics.structure import StructureDistance

__all__ = [
    "CMMD",
    "FD",
    "KID",
    "AuthPct",
    "Coverage",
    "Density",
    "DetectedIdentity",
    "FDInfinity",
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
    "PerceptualPathLength",
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
