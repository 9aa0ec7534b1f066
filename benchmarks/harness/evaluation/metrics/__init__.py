"""Metrics: pure functions and torchmetrics on features, and one class a number of a gallery.

A gallery's metric has ``better`` ("lower" or "higher"), ``needs`` (the streams and facts it reads)
and ``__call__(gallery) -> Measure``. Its yaml key names the extractor: ``kid@parafaces``. Modules
are imported when a yaml or a caller names what they hold.
"""

from importlib import import_module
from typing import Any

MODULES = {
    "clusters": "intra_cluster",
    "correspondence": "Landmarks StructureDistance Translation",
    "frechet_and_kernel": "frechet_distance gaussian_mmd moments polynomial_mmd",
    "distribution": "CMMD FD KID CleanFID Coverage Density FDInfinity KIDInterval Precision Recall",
    "diversity": "AuthPct IntraCluster IntraClusterMaps NearestShot NearestShotMaps NearestSource "
    "Pairwise",
    "identity": "DetectedIdentity Identity Recognition",
    "manifold": "authenticity density_coverage precision_recall radii",
    "palette": "Palette",
    "perceptual_path_length": "PerceptualPathLength",
    "set_metrics": "Authenticity DensityCoverage FrechetDistance GaussianKernelDistance "
    "IdentitySimilarity IntraClusterDistance KernelDistance PrecisionRecall",
}
HOMES = {name: module for module, names in MODULES.items() for name in names.split()}
__all__ = [*HOMES]


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
