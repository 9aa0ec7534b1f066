"""Domains: the shots to adapt to, and what is held out to judge with."""

from benchmarks.domains.base import Domain
from benchmarks.domains.folder import FolderDomain
from benchmarks.domains.parafaces import ParaFacesDomain, ParaFacesTraining

__all__ = ["Domain", "FolderDomain", "ParaFacesDomain", "ParaFacesTraining"]
