"""Faces of pictures in the framing of FFHQ: ``python -m benchmarks.align PICTURES --to DIR``.

Pictures are files, folders or zips of any size. Of each the largest face is written as a PNG; the
files without one are told of and listed in DIR/missed.txt. DIR is a source for benchmarks.prepare.
"""

import argparse
from pathlib import Path

from benchmarks.harness.config.cli import command, complain, printable
from benchmarks.harness.io.terminal import console
from core import atomic
from core.errors import UserError

LARGEST = 8192  # pixels a side: the square is sampled at 4 times that, in 3 GB
MISSED = "missed.txt"
BY = "landmarks, mtcnn, dlib, mediapipe or face_alignment (default: mtcnn)"


@command(interrupted="stopped; what was cut out so far is whole.")
def main(words: list[str]) -> int:
    """Cut out faces; status 1 where a file was missed."""
    options = parser().parse_args(words)
    if not 1 <= options.size <= LARGEST:
        raise UserError(f"--size {options.size} is not from 1 to {LARGEST}.")
    from benchmarks.harness.alignment import detector
    from benchmarks.harness.alignment.framing import aligned, crop
    from benchmarks.harness.data.inputs import Places, listed
    from benchmarks.harness.io.contact_sheet import save
    from benchmarks.harness.io.locks import writable

    framed = aligned(detector("landmarks" if options.landmarks else options.by, options.landmarks))
    pictures, missed = listed(options.pictures)
    writable(options.to)
    places, cut = Places(options.to, set(pictures)), 0
    for file, name in pictures.values():
        try:
            face, notes = crop(file, framed, options.size)
            path = places.of(name)
            save(path, face)
        except UserError as error:
            missed.append(str(error))
            continue
        cut += 1
        line = f"{file} -> {path}" + (f" ({'; '.join(notes)})" if notes else "")
        console.print(printable(line), soft_wrap=True)
    for sentence in missed:
        complain(sentence)
    lines = "".join(f"{printable(sentence)}\n" for sentence in missed)
    atomic.write(options.to / MISSED, lines.encode("utf-8", "backslashreplace"))
    summary = f"faces cut out: {cut}, missed: {len(missed)}; see {options.to / MISSED}."
    console.print(summary, soft_wrap=True)
    return 1 if missed else 0


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.align",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("pictures", metavar="PICTURES", nargs="+")
    options.add_argument("--to", type=Path, required=True, metavar="DIR")
    options.add_argument("--size", type=int, default=256, metavar="N", help="side (default: 256)")
    options.add_argument("--by", default="mtcnn", metavar="WAY", help=BY)
    options.add_argument("--landmarks", metavar="FILE", default="", help="JSON, for --by landmarks")
    return options


if __name__ == "__main__":
    main()
