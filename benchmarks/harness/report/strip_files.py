"""How the small pictures of runs are called, where they lie, and which tile of a strip is what.

A strip is one row of square tiles in one WebP: the pictures of the first ``LATENTS`` latents of the
evaluation, then of ``PHOTOS`` held-out people. Runs that share data and source share a *scene*: the
shots, the source's own strip (its pictures of those latents, then the photos themselves) and, where
it is known, how those people truly look in the domain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness.records.record import Record
from core import hashing

LATENTS, PHOTOS, SIDE = 8, 4, 64
SHOTS, SOURCE, TRUTH = "shots", "source", "truth"
OURS = ("parafaces",), ("parafaces", "blank", "tiny")
"""Beginnings of the names of data and of sources whose pictures this project made itself."""


def scene(record: Record) -> str:
    """Name of what the runs on the same data from the same source have in common."""
    data: Any = record.config.data
    shared = [
        record.provenance.weights_sha256,
        record.provenance.shots_sha256,
        data.get("style", ""),
        data.get("photos_root", ""),
        record.config.eval.seed,
    ]
    digest = hashing.of_json(shared)[:8]
    return f"{file_name(record.data)}--{file_name(record.source)}--{digest}"


def file_name(text: str) -> str:
    """A text as a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)


def is_public(record: Record) -> bool:
    """Whether the run's pictures may be shown to anybody: data and source are our own."""
    data, source = OURS
    return record.data.startswith(data) and record.source.startswith(source)


def place(folder: Path, record: Record) -> Path:
    """Where the strips of a run belong: those of real pictures where git does not look."""
    return folder / "tiles" if is_public(record) else folder / "local" / "tiles"


@dataclass(frozen=True)
class Strips:
    """The strips that lie in a folder of results.

    Attributes:
        paths: of every strip by its name without ending; a name from a record is only looked up
            here, it is never made into a path.
    """

    paths: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, *, local: bool) -> Strips:
        """Those that may be shown to anybody, and with ``local`` those of real pictures too."""
        places = [folder / "tiles", *([folder / "local" / "tiles"] if local else [])]
        return cls({path.stem: path for one in places for path in sorted(one.glob("*.webp"))})
