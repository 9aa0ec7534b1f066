"""Metrics: pure functions and torchmetrics on features, and one class a number of a gallery. A
gallery's metric has ``better`` ("lower" or "higher"), ``needs`` (the streams and facts it reads)
and ``__call__(gallery) -> Measure``. Its yaml key names the extractor: ``kid@parafaces``. Modules
are imported when a yaml or a caller names what they hold.
"""

from benchmarks.harness.evaluation import lazily

__all__, __getattr__ = lazily(
    __name__,
    {
        "clusters": "intra_cluster",
        "correspondence": "Landmarks StructureDistance Translation",
        "distribution": "CMMD FD KID CleanFID Coverage Density FDInfinity KIDInterval Precision "
        "Recall",
        "diversity": "AuthPct IntraCluster IntraClusterMaps NearestShot NearestShotMaps "
        "NearestSource Pairwise",
        "frechet_and_kernel": "frechet_distance gaussian_mmd moments polynomial_mmd",
        "identity": "DetectedIdentity Identity Recognition",
        "manifold": "authenticity density_coverage precision_recall radii",
        "palette": "Palette",
        "perceptual_path_length": "PerceptualPathLength",
        "set_metrics": "Authenticity DensityCoverage FrechetDistance GaussianKernelDistance "
        "IdentitySimilarity IntraClusterDistance KernelDistance PrecisionRecall",
        "truth": "Artefacts Kept SkinTone TrueColours TrueLikeness",
    },
)
