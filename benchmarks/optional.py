"""Files that nobody needs but somebody may have (``conf/weights.yaml``), and where they lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf

LIST = Path(__file__).parent.parent / "conf" / "weights.yaml"


class OptionalFile(NamedTuple):
    """One entry of the list; ``bytes``, ``size`` and ``sha256`` may be None until confirmed.

    Attributes:
        name: that the suite calls it by.
        kind: ``source``, ``encoder``, ``extractor`` or ``detector``.
        file: its name in the folder.
        bytes: its length.
        size: the same, roughly, for people.
        sha256: its checksum.
        places: official addresses.
        by_hand: how a person finds it.
        licence: of the weights.
        commercial: whether the licence, and that of what they were trained on, allows it.
        unlocks: what it is for.
    """

    name: str
    kind: str
    file: str
    bytes: int | None
    size: str | None
    sha256: str | None
    places: list[str]
    by_hand: str
    licence: str
    commercial: bool
    unlocks: str

    @property
    def path(self) -> Path:
        """Where the file should lie."""
        return folder() / self.file

    @property
    def state(self) -> str:
        """``missing``, ``present``, or what is wrong with its length."""
        if not self.path.is_file():
            return "missing"
        found = self.path.stat().st_size
        if self.bytes is not None and found != self.bytes:
            return f"damaged: {found} bytes instead of {self.bytes}"
        return "present"


def folder() -> Path:
    """Where optional files lie: ``weights`` in ``$STYLESHIFT_CACHE``, or in ~/.cache/styleshift."""
    cache = os.environ.get("STYLESHIFT_CACHE") or "~/.cache/styleshift"
    return Path(cache).expanduser() / "weights"


def listed() -> dict[str, OptionalFile]:
    """All optional files by name."""
    files = _content()["files"]
    return {name: OptionalFile(name=name, **entry) for name, entry in files.items()}


def without() -> dict[str, str]:
    """What can be run without any file of a kind."""
    return _content()["without"]


def _content() -> dict[str, Any]:
    content = OmegaConf.to_container(OmegaConf.load(LIST))
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}
