"""Domains: the shots to adapt to, and what is held out to judge with."""

from benchmarks.harness.data.domains.about import About
from benchmarks.harness.data.domains.base import Domain
from benchmarks.harness.data.domains.folder import FolderDomain
from benchmarks.harness.data.domains.pairs import PairsDomain
from benchmarks.harness.data.domains.parafaces import ParaFacesDomain, ParaFacesTraining

__all__ = [
    "About",
    "Domain",
    "FolderDomain",
    "PairsDomain",
    "ParaFacesDomain",
    "ParaFacesTraining",
]
