"""Which picture files were meant, and where each one's result is written."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.data.files import File, files
from core.errors import UserError

ENDING, STRIP = ".png", "-strip.png"


@dataclass
class Places:
    """Gives every photo a file of its own in a folder."""

    to: Path
    photos: set[Path]  # files that must not be written over
    taken: set[Path] = field(default_factory=set)

    def of(self, name: str) -> Path:
        """A place named as the photo, numbered where that is taken, or would be the photo's own."""
        relative = Path(*[part for part in Path(name).parts if part not in ("..", "/", ".")])
        plain = self.to / relative.with_suffix("")
        for number in range(1, len(self.photos) + len(self.taken) + 2):
            ending = ENDING if number == 1 else f"-{number}{ENDING}"
            path = plain.with_name(f"{plain.name}{ending}")
            both = {path.resolve(), strip_of(path).resolve()}
            if not both & (self.photos | self.taken):
                self.taken |= both
                return path
        raise AssertionError("there are more numbers than places")


def strip_of(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(ENDING) + STRIP)


def listed(words: Iterable[str]) -> tuple[dict[Path, tuple[File, str]], list[str]]:
    """The picture files of files, folders and zips, each once: by place, with its result's name.
    And a sentence for every word that names no picture.
    """
    pictures: dict[Path, tuple[File, str]] = {}
    errors: list[str] = []
    for word in words:
        path = Path(os.path.expanduser(word))
        try:
            several = path.is_dir() or path.suffix.lower() == ".zip"
            if not several and not path.exists():
                raise UserError(f"{path} does not exist.")
            for file in files(path) if several else [File(path.parent, path.name)]:
                pictures.setdefault((file.root / file.member).resolve(), (file, file.member))
        except (UserError, OSError) as fault:
            errors.append(str(fault))
    return pictures, errors
