"""Checkpoints of other implementations to our networks and back, strictly and safely: nothing in a
file is ever executed (``restricted_unpickler``).
"""

from core.convert.files import Networks, load, save
from core.convert.format import CheckpointError
from core.convert.names import FORMATS
from core.convert.states import from_state_dict, to_state_dict

__all__ = ["FORMATS", "CheckpointError", "Networks", "from_state_dict", "load", "save",
           "to_state_dict"]  # fmt: skip
