"""Bring optional files: ``python -m benchmarks.fetch NAME...`` or ``NAME --from FILE``.

The names are those of ``conf/weights.yaml``. A download that was cut off goes on where it ended; a
file is moved to its place only when its length and checksum are right, as far as they are known.
This is the only command that downloads, and nothing calls it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from benchmarks.harness.io import external_weights
from benchmarks.harness.io.external_weights import OptionalFile
from core import atomic, hashing
from core.errors import UserError
from core.progress import bar, console

BLOCK = 1 << 20
PATIENCE = 30  # seconds without a byte
NOT_SATISFIABLE = 416  # there is nothing after what is here already


class NotAFile(Exception):
    """What came is a web page: the place wants a person."""


def fetch(entry: OptionalFile, show: Callable[[int, int], None]) -> None:
    """Download a file from the first of its places that gives it; ``show`` hears of the bytes.

    Raises:
        UserError: none of them does, or what came is not the file.
    """
    troubles = []
    for place in entry.places:
        part = part_of(entry, place)
        try:
            download(place, part, show)
        except (OSError, HTTPException, NotAFile) as error:
            troubles.append(f"{place}: {reason(error)}")
            continue
        accept(entry, part)
        return
    told = "; ".join(troubles) or "it has no address"
    raise UserError(
        f"{entry.name} could not be downloaded ({told}); obtained by hand ({entry.by_hand}) it is "
        f"taken by `{entry.command} --from FILE`."
    )


def part_of(entry: OptionalFile, place: str) -> Path:
    """Where what a place gave so far lies; another place may give another file."""
    return entry.path.with_name(f"{entry.file}.{zlib.crc32(place.encode()):08x}.part")


def download(place: str, part: Path, show: Callable[[int, int], None]) -> None:
    """Append to ``part`` what is missing of the file at ``place``, or all where it cannot go on."""
    part.parent.mkdir(parents=True, exist_ok=True)
    done = part.stat().st_size if part.is_file() else 0
    wanted = {"User-Agent": "styleshift"} | ({"Range": f"bytes={done}-"} if done else {})
    request = urllib.request.Request(place, headers=wanted)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            receive(answer, part, done, show)
    except urllib.error.HTTPError as error:
        if error.code != NOT_SATISFIABLE:
            raise
        length = error.headers.get("Content-Range", "").rpartition("/")[2]
        if length != str(done):  # what lies here is of another file
            part.unlink()
            download(place, part, show)


def receive(answer: HTTPResponse, part: Path, done: int, show: Callable[[int, int], None]) -> None:
    """Write an answer behind the first ``done`` bytes of ``part``, or from its beginning."""
    if answer.headers.get_content_type() == "text/html":
        raise NotAFile("it answers with a web page")
    begun = answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")
    done = done if answer.status == 206 and begun else 0
    total = done + int(answer.headers.get("Content-Length") or 0)
    with part.open("r+b" if done else "wb") as file:
        file.seek(done)
        while block := answer.read(BLOCK):
            file.write(block)
            done += len(block)
            show(done, max(total, done))
    if done < total:
        raise OSError(f"the connection ended after {done:,} of {total:,} bytes; run it again")


def reason(error: BaseException) -> str:
    """Why a place gave nothing, in a few words."""
    return str(getattr(error, "reason", "") or error or type(error).__name__)


def accept(entry: OptionalFile, part: Path) -> None:
    """Move a complete file to its place, or delete a wrong one; other beginnings of it go."""
    wrong = entry.wrong(part)
    if wrong:
        part.unlink()
        raise UserError(f"What came is not {entry.name}: {wrong}; it was deleted.")
    atomic.place(part, entry.path)
    for begun in entry.path.parent.glob(f"{entry.file}.*part"):
        begun.unlink()


def take(entry: OptionalFile, given: Path) -> None:
    """Copy a file that was obtained by hand to its place."""
    if not given.is_file():
        raise UserError(f"There is no file {given}.")
    wrong = entry.wrong(given)
    if wrong:
        raise UserError(f"{given} is not {entry.name}: {wrong}.")
    part = part_of(entry, "by hand")
    part.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(given, part)
    accept(entry, part)


def bring(entry: OptionalFile, given: Path | None) -> None:
    """Bring one file and tell what is known of it."""
    if given is None and entry.path.is_file() and not entry.wrong(entry.path):
        say(f"{entry.name} is there already: {entry.path}")
        return
    say(f"{entry.name}: {entry.unlocks}; licence: {entry.licence}")
    if given is not None:
        take(entry, given)
    else:
        with bar(entry.name, entry.bytes or 1, "bytes") as shown:

            def show(done: int, total: int) -> None:
                if not shown.first:
                    shown.start_at(done)
                shown.total = total
                shown.progress.update(shown.task, total=total)
                shown.update(done)

            fetch(entry, show)
    known = "confirmed" if entry.sha256 else "not in conf/weights.yaml yet"
    say(f"{entry.path}\nsha256 {hashing.of_file(entry.path)} ({known})")


def say(text: str) -> None:
    """Print a line as it is."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def main() -> None:
    """Bring the files named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fetch", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="as benchmarks.doctor lists them")
    parser.add_argument("--from", dest="given", type=Path, metavar="FILE", help="obtained by hand")
    chosen = parser.parse_args()
    try:
        if chosen.given is not None and len(chosen.names) > 1:
            raise UserError("--from FILE takes one NAME.")
        for entry in [external_weights.entry(name) for name in chosen.names]:
            bring(entry, chosen.given)
    except UserError as error:
        print(f"styleshift: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"styleshift: the file cannot be written: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("styleshift: stopped; the same command goes on from here.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
