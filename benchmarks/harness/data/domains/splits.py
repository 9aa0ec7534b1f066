"""Which files of a set are shots: by a list of checksums, or by a rule where there is no list.
Lists lie in ``conf/data/splits``, or beside a set that `benchmarks.prepare` made, and are named
``SET-SHOTS-DRAW.txt``; a line is the sha256 of a file as the user obtained it and its name. The
rule sorts the files by sha256(draw, sha256(file)), so it goes by what they hold, not by names or
by the order of a folder, and the shots of draw 0 with 5 shots are the first five of those with 10.
"""

import os
import re
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from core import hashing
from core.errors import UserError
from core.paths import CONF

SPLITS = CONF / "data" / "splits"
SIZES, DRAWS = (10, 5, 1), 3  # shots that the papers adapt to; draws, for a deviation over them
LINE = re.compile(r"([0-9a-f]{64})(?:\s.*)?")


class Split(NamedTuple):
    """Checksums of the files to take, in their order, where that comes from, what to tell."""

    origin: str
    hashes: tuple[str, ...]
    note: str


def set_checksum(hashes: Iterable[str]) -> str:
    """One checksum of many, whatever their order."""
    return hashing.of_bytes("\n".join(sorted(hashes)).encode())


def order(hashes: Iterable[str], salt: str) -> list[str]:
    """Checksums in an order that depends on them and on the salt alone."""
    return sorted(hashes, key=lambda h: hashing.of_bytes(salt.encode() + bytes.fromhex(h)))


def draw_order(hashes: Iterable[str], draw: int) -> list[str]:
    """All of them; the first K are the K shots of a draw."""
    return order(hashes, f"draw {draw}: ")


def find_list(name: str, part: str, beside: Path, available: Container[str]) -> Split:
    """The list ``NAME-PART``, or one without files where there is none for this copy of the set.
    Without a name only a list beside the set is looked for. The part is ``test`` or, of shots and
    draw, ``10-0``; `available` has the checksums of the set's files. It is a `UserError` where some
    files of the list are there and others are not.
    """
    if Path(name).name != name:
        raise UserError(f"data.splits={name} is no name of a list.")
    own = beside.with_name(f"{name or beside.stem}-{part}.txt")
    note = ""
    for place in (SPLITS / f"{name}-{part}.txt", own) if name else (own,):
        if not os.path.isfile(place):  # False, not an error, for what cannot be a name
            continue
        checksums = read(place)
        missing = [label for sha256, label in checksums.items() if sha256 not in available]
        if not missing:
            return Split(f"list {place.stem}", tuple(checksums), "")
        if len(missing) < len(checksums):
            way = "data.splits=''" if name else "removing that list"
            raise UserError(
                f"{beside} lacks {len(missing)} of the {len(checksums)} files of the list {place} "
                f"(first: {missing[0]}): they were removed or changed; "
                f"{way} goes by a rule instead."
            )
        note = f"This is another copy of the set than that of the list {place.stem}."
    return Split("", (), note)


def rule(hashes: Iterable[str], draw: int) -> Split:
    """All files in the order of a draw: as many as are wanted are taken from the front."""
    return Split(f"rule, draw {draw}", tuple(draw_order(hashes, draw)), "")


def read(path: Path) -> dict[str, str]:
    """Checksum to name, in the order of a list."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as fault:
        raise UserError(f"The list {path} cannot be read ({fault}).") from fault
    names = {}
    for line in lines:
        if line.startswith("#") or not line.strip():
            continue
        if not LINE.fullmatch(line):
            raise UserError(f"The list {path} holds a line that begins with no sha256: {line!r}.")
        names[line[:64]] = line[64:].strip()
    return names


def text(title: str, files: Mapping[str, str]) -> str:
    """A list as a file has it; names are for people and may be of any kind."""
    lines = [f"# {title}", *(f"{sha256}  {printable(name)}" for sha256, name in files.items())]
    return "\n".join(lines) + "\n"


def printable(name: str) -> str:
    """A file's name in one line that any text can hold."""
    return name if name.isprintable() else name.encode("unicode_escape").decode()
