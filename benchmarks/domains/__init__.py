"""Domains: the shots to adapt to, and what is held out to judge with."""

from benchmarks.domains.about import About
from benchmarks.domains.base import Domain
from benchmarks.domains.folder import FolderDomain
from benchmarks.domains.pairs import PairsDomain
from benchmarks.domains.parafaces import ParaFacesDomain, ParaFacesTraining

__all__ = [
    "About",
    "Domain",
    "FolderDomain",
    "PairsDomain",
    "ParaFacesDomain",
    "ParaFacesTraining",
]
