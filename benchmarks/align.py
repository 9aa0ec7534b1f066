"""Faces of pictures in the framing of FFHQ: ``python -m benchmarks.align PICTURES --to DIR``.

Pictures are files, folders or zips of any size. Of each the largest face is written as a PNG; the
files without one are told of and listed in DIR/missed.txt. DIR is a source for benchmarks.prepare.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image
from rich.console import Console

from benchmarks.harness.alignment import DETECTORS, detector
from benchmarks.harness.alignment.framing import Aligned
from benchmarks.harness.config.validation import printable
from benchmarks.harness.data.inputs import Places, listed
from benchmarks.harness.data.pictures import File, upright
from benchmarks.harness.io import locks
from benchmarks.harness.io.contact_sheet import save
from core import atomic
from core.errors import UserError

LARGEST = 8192  # pixels
MISSED = "missed.txt"

console = Console(markup=False)  # file names may look like markup


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.align",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("pictures", metavar="PICTURES", nargs="+")
    made.add_argument("--to", type=Path, required=True, metavar="DIR")
    made.add_argument("--size", type=int, default=256, metavar="N", help="side (default: 256)")
    choices = ("landmarks", *DETECTORS)
    made.add_argument("--by", choices=choices, default="mtcnn", help="default: mtcnn")
    made.add_argument("--landmarks", metavar="FILE", default="", help="JSON, for --by landmarks")
    return made


def one(file: File, framed: Aligned, size: int) -> tuple[Image.Image, list[str]]:
    """The face in a file, and what was done to it."""
    image, _ = upright(file.read(), str(file))
    cut = framed(image, str(file))
    return Image.fromarray(cut.at(size)), cut.notes(size)


def command(words: list[str]) -> int:
    """One call; the exit status: 1 where a file was missed."""
    asked = parser().parse_args(words)
    if not 1 <= asked.size <= LARGEST:
        raise UserError(f"--size {asked.size} is not from 1 to {LARGEST}.")
    framed = Aligned(detector("landmarks" if asked.landmarks else asked.by, asked.landmarks))
    pictures, missed = listed(asked.pictures)
    locks.writable(asked.to)
    places, cut = Places(asked.to, set(pictures)), 0
    for file, name in pictures.values():
        try:
            face, notes = one(file, framed, asked.size)
            path = places.of(name)
            save(path, face)
            cut += 1
            said = f"{file} -> {path}" + (f" ({'; '.join(notes)})" if notes else "")
            console.print(printable(said), highlight=False, soft_wrap=True)
        except UserError as fault:
            missed.append(str(fault))
    for sentence in missed:
        print(f"styleshift: {printable(sentence)}", file=sys.stderr)
    lines = "".join(f"{printable(sentence)}\n" for sentence in missed)
    atomic.write(asked.to / MISSED, lines.encode("utf-8", "backslashreplace"))
    console.print(
        f"faces cut out: {cut}, missed: {len(missed)}; see {asked.to / MISSED}.",
        highlight=False,
        soft_wrap=True,
    )
    return 1 if missed else 0


def main() -> None:
    """The command line; what the user can mend is said in one sentence."""
    try:
        sys.exit(command(sys.argv[1:]))
    except KeyboardInterrupt:
        print("styleshift: stopped; what was cut out so far is whole.", file=sys.stderr)
        sys.exit(130)
    except UserError as error:
        print(f"styleshift: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
