"""Metrics: pure functions and torchmetrics on features, and one class a number of a gallery.

A gallery's metric has ``better`` ("lower" or "higher"), ``needs`` (the streams and facts it reads)
and ``__call__(gallery) -> Measure``. Its yaml key names the extractor: ``kid@parafaces``.
"""

from benchmarks.harness.evaluation.measure import Measure
from benchmarks.harness.evaluation.metrics.clusters import intra_cluster
from benchmarks.harness.evaluation.metrics.correspondence import Landmarks, Translation
from benchmarks.harness.evaluation.metrics.distances import (
    frechet_distance,
    gaussian_mmd,
    moments,
    polynomial_mmd,
)
from benchmarks.harness.evaluation.metrics.distribution import (
    CMMD,
    FD,
    KID,
    CleanFID,
    Coverage,
    Density,
    KIDInterval,
    Precision,
    Recall,
)
from benchmarks.harness.evaluation.metrics.diversity import (
    AuthPct,
    IntraCluster,
    IntraClusterMaps,
    NearestShot,
    NearestShotMaps,
    NearestSource,
    Pairwise,
)
from benchmarks.harness.evaluation.metrics.fid_infinity import FDInfinity
from benchmarks.harness.evaluation.metrics.identity import DetectedIdentity, Identity, Recognition
from benchmarks.harness.evaluation.metrics.manifold import (
    authenticity,
    density_coverage,
    precision_recall,
    radii,
)
from benchmarks.harness.evaluation.metrics.palette import Palette
from benchmarks.harness.evaluation.metrics.path_length import PerceptualPathLength
from benchmarks.harness.evaluation.metrics.structure import StructureDistance

__all__ = [
    "CMMD",
    "FD",
    "KID",
    "AuthPct",
    "CleanFID",
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
