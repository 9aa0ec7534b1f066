"""Files that nobody needs but somebody may have (``conf/weights.yaml``), and where they lie."""

import functools
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from core import hashing
from core.errors import UserError
from core.paths import CONF, cache_folder

LIST = CONF / "weights.yaml"
HEAD = 8  # bytes that tell a kind of file
ZIP, PICKLE = b"PK", b"\x80"
BEGINNINGS: dict[str, tuple[bytes, ...]] = {
    **dict.fromkeys((".pt", ".pth", ".ckpt"), (ZIP, PICKLE)),
    **{".pkl": (PICKLE,), ".task": (ZIP,), ".bz2": (b"BZh",)},
}
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError)


class OptionalFile(NamedTuple):
    """One entry of the list; what may be None is so until somebody confirms it."""

    name: str  # that the suite calls it by
    kind: str  # source, encoder, extractor or detector
    file: str  # its name in the folder
    bytes: int | None  # its length
    size: str | None  # the same, roughly, for people
    sha256: str | None
    places: list[str]  # official addresses of the file itself
    by_hand: str  # how a person finds it
    licence: str  # of the weights
    commercial: bool  # whether the licence, and that of what they were trained on, allows it
    unlocks: str  # what it is for
    begins: str = ""  # digits of the checksum, where the publisher put them in the file's name

    @property
    def path(self) -> Path:
        return folder() / self.file

    @property
    def state(self) -> str:
        """``missing``, ``present``, or what is wrong with its length."""
        if not self.path.is_file():
            return "missing"
        size = self.path.stat().st_size
        if self.bytes is not None and size != self.bytes:
            return f"damaged: {size} bytes instead of {self.bytes}"
        return "present"

    @property
    def command(self) -> str:
        return f"python -m benchmarks.fetch {self.name}"

    @property
    def then(self) -> str:
        """The command that it is for, or nothing."""
        words = _content()["then"].get(self.name)
        return f"python -m benchmarks.{words}" if words else ""

    def wrong(self, path: Path) -> str:
        """What is wrong with a file that should be this one, or nothing; reads it all."""
        size = path.stat().st_size
        if self.bytes is not None and size != self.bytes:
            return f"it has {size:,} bytes instead of {self.bytes:,}"
        begins = self.sha256 or self.begins
        if begins and not (digest := hashing.of_file(path)).startswith(begins):
            return f"its sha256 is {digest}, which does not begin with {begins}"
        return "" if self.sha256 else not_whole(path, Path(self.file).suffix)


def not_whole(path: Path, ending: str) -> str:
    """What is wrong with weights that nobody knows the checksum of, or nothing: whether they begin
    as files of this ending do and, where such files tell it, are whole.
    """
    from safetensors import SafetensorError, safe_open  # numpy: not for who only looks at the list

    with path.open("rb") as file:
        start = file.read(HEAD)
    beginnings = BEGINNINGS.get(ending, ())
    if not start or (beginnings and not start.startswith(beginnings)):
        return f"it begins with {start!r}" if start else "it is empty"
    try:
        if start.startswith(ZIP):
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
            return f"its member {damaged} is damaged" if damaged else ""
        if ending == ".safetensors":
            with safe_open(path, framework="numpy"):
                return ""
    except (OSError, ValueError, RuntimeError, *DAMAGE, SafetensorError) as fault:
        return f"it is not whole ({fault})"
    return ""


def entry(name: str) -> OptionalFile:
    """The entry of this name, which is a `UserError` where there is none."""
    files = listed()
    if name not in files:
        raise UserError(f"There is no optional file {name!r}; the list has {', '.join(files)}.")
    return files[name]


def require(name: str) -> Path:
    """Where a file lies that is needed now; if it does not, a `UserError` says how it is had."""
    file = entry(name)
    if file.state == "present":
        return file.path
    raise UserError(
        f"The {file.kind} {name} is {file.state}: `{file.command}` puts it at {file.path} "
        f"(found by hand: {file.by_hand}; licence: {file.licence})."
    )


def folder() -> Path:
    return cache_folder() / "weights"


def listed() -> dict[str, OptionalFile]:
    """All optional files by name."""
    return {name: OptionalFile(name, **about) for name, about in _content()["files"].items()}


def without() -> dict[str, str]:
    """What can be run without any file of a kind."""
    return _content()["without"]


def _content() -> dict[str, Any]:
    return parsed(LIST.read_text(encoding="utf-8"))


@functools.cache  # 80 ms, for every extractor that asks for its file
def parsed(text: str) -> dict[str, Any]:
    return yaml.safe_load(text)
