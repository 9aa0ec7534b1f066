"""Yaml files of the project, read as OmegaConf reads them."""

from collections.abc import Sequence
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


def with_words(path: Path, words: Sequence[str]) -> Any:
    """A file with the values that words ``key=value`` give to options; only to those there are."""
    cfg = OmegaConf.load(path)
    OmegaConf.set_struct(cfg, True)
    return OmegaConf.merge(cfg, OmegaConf.from_dotlist(list(words)))


def resolved(cfg: Config) -> Any:
    return OmegaConf.to_container(cfg, resolve=True)


def put(cfg: Config, key: str, value: Any) -> bool:
    """Give an option another value, all of it, if it is there and not null; whether it is."""
    there = OmegaConf.select(cfg, key) is not None
    if there:
        OmegaConf.update(cfg, key, value, merge=False)
    return there
