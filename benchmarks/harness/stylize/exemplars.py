"""Styles that somebody names: a shot's number, a picture file, or one drawn at random."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from benchmarks.harness.alignment.framing import Framing, photo
from benchmarks.harness.data.files import File
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.stylize.generator import Stylist
from core.errors import UserError
from core.networks.styles import Styles, StyleStrength, mixed

RANDOM = "random"


@runtime_checkable
class Exemplary(Protocol):
    """A method whose shots are styles of their own.

    Attributes:
        styles: what the shots lend.
        strength: of a style that is named.
        unnamed_strength: of the shots' mean style, which photos get where none is named.
    """

    styles: Styles
    strength: StyleStrength
    unnamed_strength: StyleStrength


class Lent(NamedTuple):
    """A style that somebody named.

    Attributes:
        name: as it was named.
        rows: extrinsic styles [1, L, W].
        picture: whose style it is, [1, 3, R, R]; of a random one, the average face in it.
    """

    name: str
    rows: Tensor
    picture: Tensor


def exemplary(artist: Stylist) -> Exemplary:
    """The run's adapter, whose shots are styles.

    Raises:
        UserError: its method keeps none of the shots' styles.
    """
    if not isinstance(artist.adapter, Exemplary):
        raise UserError(
            f"{artist.name} has made one style of all its shots, which cannot be picked from or "
            "weighed; dualstylegan is a method whose runs keep every shot's."
        )
    return artist.adapter


@torch.no_grad()
def lent(
    words: list[str], artist: Stylist, framed: Framing, seed: int, told: Callable[[str], None]
) -> list[Lent]:
    """The styles that words name.

    Args:
        words: each a shot's number, ``random`` or a picture file.
        artist: of the run whose styles they are.
        framed: how pictures are framed, as photos are.
        seed: of random styles.
        told: what is said where a style takes a while.

    Raises:
        UserError: there is no such style, or its picture cannot be read.
    """
    adapter, rng = exemplary(artist), torch.Generator().manual_seed(seed)
    styles, whole = adapter.styles, adapter.strength._replace(structure=1.0, colour=1.0)
    found = []
    for word in words:
        if word == RANDOM:
            rows = styles.sample(torch.randn(1, styles.g.z_dim, generator=rng))
            shown = styles.apply(styles.average_face, rows, whole)
        elif re.fullmatch(r"[+-]?\d{1,9}", word):
            which = numbered(int(word), len(styles))
            rows, shown = styles.exemplar(which), styles.reconstruct(which, whole)
        else:
            shown = pictured(word, framed, artist.resolution)
            told(f"Finding the style of {word}.")
            rows = styles.style_of(shown[0])
        found.append(Lent(word, rows, shown.clamp(-1, 1)))
    return found


def numbered(which: int, count: int) -> int:
    """The number of a shot that there is."""
    if not 0 <= which < count:
        raise UserError(f"--style {which}: the styles of this run are numbered 0 to {count - 1}.")
    return which


def pictured(word: str, framed: Framing, resolution: int) -> Tensor:
    """Image [1, 3, R, R] of a picture file, framed as photos are."""
    path = Path(os.path.expanduser(word))  # leaves ~nobody as it is, where Path would raise
    if not path.is_file():
        raise UserError(f"--style {word} is no picture file, no shot's number and not {RANDOM!r}.")
    seen = photo(File(path.parent, path.name), framed, resolution)
    return as_images(seen.pixels[None])


def wearing(artist: Stylist, styles: list[Lent], changes: dict[str, float]) -> Stylist:
    """The artist who gives all photos the same style.

    Args:
        artist: of the run whose styles they are.
        styles: mixed in equal parts; none for the mean of all shots.
        changes: of the strength that the method's configuration says.
    """
    adapter = exemplary(artist)
    strength = (adapter.strength if styles else adapter.unnamed_strength)._replace(**changes)
    style = mixed([each.rows for each in styles]) if styles else adapter.styles.mean()

    def make(photos: Tensor) -> Tensor:
        return adapter.styles.apply(artist.source.invert(photos), style, strength)

    return replace(artist, make=make)
