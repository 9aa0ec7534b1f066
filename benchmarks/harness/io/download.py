"""Optional files brought to their places: downloaded in as many goes as it takes, or by hand."""

import shutil
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from benchmarks.harness.io.external_weights import OptionalFile
from core import atomic, hashing
from core.errors import UserError
from core.progress import bar, console

BLOCK = 1 << 20  # bytes, between two looks of the bar
LARGEST = 1 << 33  # bytes, five times the largest of conf/weights.yaml
TIMEOUT = 30  # seconds without a byte

Progress = Callable[[int, int], None]  # called with the bytes that are here and the bytes in all


def provide(entry: OptionalFile, by_hand: Path | None) -> None:
    """Bring one file, downloaded or from where a person put it, and say what is known of it.
    A `UserError` says that it cannot be had, is another one, or cannot be written.
    """
    if by_hand is None and entry.path.is_file() and not entry.wrong(entry.path):
        announce(f"{entry.name} is there already: {entry.path}")
        say_next(entry)
        return
    announce(f"{entry.name}: {entry.unlocks}; licence: {entry.licence}")
    try:
        if by_hand is not None:
            copy_by_hand(entry, by_hand)
        else:
            fetch_behind_bar(entry)
    except OSError as error:
        raise UserError(f"The file cannot be written: {error}.") from error
    state = "confirmed" if entry.sha256 else "not in conf/weights.yaml yet"
    announce(f"{entry.path}\nsha256 {hashing.of_file(entry.path)} ({state})")
    say_next(entry)


def say_next(entry: OptionalFile) -> None:
    if entry.then:
        announce(f"next: {entry.then}")


def announce(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def fetch_behind_bar(entry: OptionalFile) -> None:
    """Download a file; the bar begins with the bytes that an earlier go brought."""
    with bar(entry.name, entry.bytes or 1, "bytes") as shown:

        def progress(done: int, total: int) -> None:
            if not shown.first:
                shown.start_at(done)
            shown.grow(done, total)

        fetch(entry, progress)


def fetch(entry: OptionalFile, progress: Progress) -> None:
    """Download a file from the first of its places that gives it."""
    failures = []
    for place in entry.places:
        part = part_of(entry, place)
        try:
            resume(place, part, progress)
        except (OSError, HTTPException) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
            failures.append(f"{place}: {reason}")
        else:
            accept(entry, part)
            return
    reasons = "; ".join(failures) or "it has no address"
    raise UserError(
        f"{entry.name} could not be downloaded ({reasons}); obtained by hand ({entry.by_hand}) it "
        f"is taken by `{entry.command} --from FILE`."
    )


def part_of(entry: OptionalFile, place: str) -> Path:
    """Where what a place gave so far lies; another place may give another file."""
    return entry.path.with_name(f"{entry.file}.{zlib.crc32(place.encode()):08x}.part")


def resume(place: str, part: Path, progress: Progress) -> None:
    """Append to ``part`` what is missing of the file at ``place``, or all where it cannot go on:
    where the server does not name its version, or has another one now.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    tag = tag_of(part)
    version = tag.read_text(encoding="utf-8") if tag.is_file() and part.is_file() else ""
    done = part.stat().st_size if version else 0
    headers = {"User-Agent": "styleshift"}
    headers |= {"Range": f"bytes={done}-", "If-Range": version} if done else {}
    request = urllib.request.Request(place, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            receive(answer, part, tag, done, progress)
    except urllib.error.HTTPError as error:
        if (
            error.code != 416 or not done
        ):  # range not satisfiable: there is nothing after what is here
            raise
        length = error.headers.get("Content-Range", "").rpartition("/")[2]
        if length != str(done) or version_of(error) not in (version, ""):  # it is of another file
            part.unlink()
            resume(place, part, progress)


def tag_of(part: Path) -> Path:
    """Where it is kept of which version of a file the beginning is."""
    return part.with_suffix(f".tag{part.suffix}")


def receive(answer: HTTPResponse, part: Path, tag: Path, done: int, progress: Progress) -> None:
    """Write an answer behind the first ``done`` bytes of ``part``, or from its beginning."""
    if answer.headers.get_content_type() == "text/html":
        raise OSError("it answers with a web page")  # which wants a person
    length = answer.headers.get("Content-Length", "0")
    if not length.isdecimal():
        raise OSError(f"it announces {length[:20]!r} as the length")
    continues = answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")
    done = done if answer.status == 206 and continues else 0  # 206: partial content
    total = done + int(length)
    if not done:
        tag.write_text(version_of(answer), encoding="utf-8")
    with part.open("r+b" if done else "wb") as file:
        file.seek(done)
        while total <= LARGEST and done <= LARGEST and (block := answer.read(BLOCK)):
            file.write(block)
            done += len(block)
            progress(done, max(total, done))
    if max(total, done) > LARGEST:
        part.unlink()
        raise OSError(f"it gives more than {LARGEST:,} bytes")
    if done < total:
        raise OSError(f"the connection ended after {done:,} of {total:,} bytes; run it again")


def version_of(answer: HTTPResponse | urllib.error.HTTPError) -> str:
    """What tells the file from a later one at the same place, strong enough to go on by."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def accept(entry: OptionalFile, part: Path) -> None:
    """Move a complete file to its place, or delete a wrong one; other beginnings of it go."""
    if wrong := entry.wrong(part):
        for left in (part, tag_of(part)):
            left.unlink(missing_ok=True)
        raise UserError(f"What came is not {entry.name}: {wrong}; it was deleted.")
    atomic.place(part, entry.path)
    for other in entry.path.parent.glob(f"{entry.file}.*part"):
        other.unlink()


def copy_by_hand(entry: OptionalFile, file: Path) -> None:
    if not file.is_file():
        raise UserError(f"There is no file {file}.")
    if wrong := entry.wrong(file):
        raise UserError(f"{file} is not {entry.name}: {wrong}.")
    part = part_of(entry, "by hand")
    part.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, part)
    accept(entry, part)
