"""Where the project lies: the one place that counts parent folders."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
"""Folder of ``conf``, ``results`` and the packages; relative paths in yaml start here."""

ASSETS = ROOT / "core" / "assets"
"""Weights that are shipped."""

CONF = ROOT / "conf"
"""Every number of every experiment."""
