"""Styles that somebody names: a shot's number, a picture file or random; their tables."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from PIL import Image
from torch import Tensor

from benchmarks.harness.alignment.framing import Framing, photo
from benchmarks.harness.data.files import File
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.io.contact_sheet import Band, stack, to_uint8
from benchmarks.harness.stylize.generator import StylisedGenerator
from core.errors import UserError
from core.networks.styles import Styles, StyleStrength, mixed

RANDOM = "random"
STYLES = 10  # columns where nobody says which
STRENGTHS = 6  # from nothing to all
TILE = 96  # pixels of a picture among others


@runtime_checkable
class ExemplarAdapter(Protocol):
    """A method whose shots are styles of their own."""

    styles: Styles
    strength: StyleStrength  # of a style that is named
    unnamed_strength: StyleStrength  # of the shots' mean, which photos get where none is named


class NamedStyle(NamedTuple):
    """A style that somebody named."""

    name: str
    rows: Tensor  # extrinsic styles [1, L, W]
    picture: Tensor  # whose style it is, [1, 3, R, R]; of a random one, the average face in it


def exemplar_adapter(generator: StylisedGenerator) -> ExemplarAdapter:
    """The run's adapter, whose shots are styles; refused where its method keeps none of them."""
    if not isinstance(generator.adapter, ExemplarAdapter):
        raise UserError(
            f"{generator.name} has made one style of all its shots, which cannot be picked from or "
            "weighed; dualstylegan is a method whose runs keep every shot's."
        )
    return generator.adapter


@torch.no_grad()
def named_styles(
    words: list[str],
    generator: StylisedGenerator,
    framing: Framing,
    seed: int,
    progress: Callable[[str], None],
) -> list[NamedStyle]:
    """The styles that words name: each a shot's number, ``random`` or a picture file."""
    adapter, rng = exemplar_adapter(generator), torch.Generator().manual_seed(seed)
    styles, whole = adapter.styles, adapter.strength._replace(structure=1.0, colour=1.0)
    named = []
    for word in words:
        if word == RANDOM:
            rows = styles.sample(torch.randn(1, styles.g.z_dim, generator=rng))
            picture = styles.apply(styles.average_face, rows, whole)
        elif re.fullmatch(r"[+-]?\d{1,9}", word):
            shot, last = int(word), len(styles) - 1
            if not 0 <= shot <= last:
                raise UserError(f"--style {shot}: the styles of this run are numbered 0 to {last}.")
            rows, picture = styles.exemplar(shot), styles.reconstruct(shot, whole)
        else:
            path = Path(os.path.expanduser(word))  # leaves ~nobody as it is, where Path would raise
            if not path.is_file():
                known = f"no picture file, no shot's number and not {RANDOM!r}"
                raise UserError(f"--style {word} is {known}.")
            framed = photo(File(path.parent, path.name), framing, generator.resolution)
            picture = as_images(framed.pixels[None])
            progress(f"Finding the style of {word}.")
            rows = styles.style_of(picture[0])
        named.append(NamedStyle(word, rows, picture.clamp(-1, 1)))
    return named


def with_style(
    generator: StylisedGenerator, styles: list[NamedStyle], changes: dict[str, float]
) -> StylisedGenerator:
    """The generator that gives all photos one style: these mixed in equal parts, or all shots'."""
    adapter = exemplar_adapter(generator)
    strength = (adapter.strength if styles else adapter.unnamed_strength)._replace(**changes)
    style = mixed([each.rows for each in styles]) if styles else adapter.styles.mean()

    def stylise(photos: Tensor) -> Tensor:
        return adapter.styles.apply(generator.source.invert(photos), style, strength)

    return replace(generator, stylise=stylise)


def in_styles(styles: Styles, ws: Tensor, rows: list[Tensor], strength: StyleStrength) -> Tensor:
    """Faces ws [P, L, W] in each of K styles [1, L, W]: images [P, K, 3, R, R]."""
    return torch.stack([styles.apply(ws, each, strength) for each in rows], dim=1).clamp(-1, 1)


def in_strengths(styles: Styles, ws: Tensor, style: Tensor, strength: StyleStrength) -> Tensor:
    """Faces ws [P, L, W] in one style, its structure weighing 0 to 1: [P, STRENGTHS, 3, R, R]."""
    strengths = [strength._replace(structure=float(w)) for w in torch.linspace(0, 1, STRENGTHS)]
    return torch.stack([styles.apply(ws, style, each) for each in strengths], dim=1).clamp(-1, 1)


def table(title: str, heads: Tensor, photos: Tensor, results: Tensor, tile: int) -> Image.Image:
    """Heads [<= K, 3, R, R] above results [P, K, 3, R, R], which have their photos before them."""
    top = torch.cat([torch.ones_like(photos[:1]), heads])
    rows = [torch.cat([photo[None], row]) for photo, row in zip(photos, results, strict=True)]
    return stack([Band(title, [to_uint8(row) for row in (top, *rows)])], tile)
