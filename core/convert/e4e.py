"""Names of encoder4editing's encoder: those of pSp, so that only the user knows which it is."""

from __future__ import annotations

from core.convert.format import Format
from core.convert.ir_se50 import counter, no_filters, own_names
from core.convert.psp import architecture
from core.networks.encoders.psp import Encoder4Editing

E4E = Format(
    Encoder4Editing, architecture, own_names(Encoder4Editing), no_filters, optional=counter
)
