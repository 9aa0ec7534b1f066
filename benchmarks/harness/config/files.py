"""Yaml files of the project, read as OmegaConf reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from omegaconf import DictConfig, OmegaConf

Config: TypeAlias = DictConfig
"""A part of a configuration that is still to be built."""


def load(path: Path) -> Any:
    """A file as an object whose values are attributes."""
    return OmegaConf.load(path)


def plain(path: Path) -> Any:
    """A file as dictionaries and lists, interpolations still in it."""
    return OmegaConf.to_container(OmegaConf.load(path), resolve=False)
