"""Domains: the shots to adapt to, and what is held out to evaluate with.
A yaml in ``conf/data`` names one of these classes. Each gives the shots, an order to show them in,
a reference set and test photos, and checksums of all of them for the record.
"""

from benchmarks.harness.data.domains.base import Domain
from benchmarks.harness.data.domains.folder import About, FolderDomain
from benchmarks.harness.data.domains.pairs import PairsDomain
from benchmarks.harness.data.domains.parafaces import ParaFacesDomain, ParaFacesTraining

__all__ = ["About", "Domain", "FolderDomain", "PairsDomain", "ParaFacesDomain", "ParaFacesTraining"]
