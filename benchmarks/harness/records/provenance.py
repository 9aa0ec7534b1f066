"""Where and with what a run happened, and what of it another run must share to be the same."""

import ast
import hashlib
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.harness.records import nested
from core import hashing
from core.paths import ROOT

ROOMS, KINDS = ("adapters", "benchmarks", "conf", "core"), (".py", ".yaml")
"""What is code, in a folder and in a commit alike."""
TRAINED_FROM = {
    "weights_sha256": "the source was another",
    "shots_sha256": "the shots were others",
    "code": "the code was another",
    "ops": "the operators were others",
    "streams": "the random numbers were drawn on another kind of device",
}
"""What a training goes on from, or does not; sentences for where it is something else."""
SAME_RUN = {
    **{key: TRAINED_FROM[key] for key in ("weights_sha256", "shots_sha256")},
    "data_sha256": "the pictures of the set were others",
    "encoder_sha256": "the encoder of its photographs was another",
    **dict.fromkeys(("reference_sha256", "reference_pixels_sha256"), "the reference was another"),
    **dict.fromkeys(("photos_sha256", "photos_pixels_sha256"), "the photographs were others"),
    "networks": "the networks of its metrics were others",
    "method_sha256": "the code of the method was another",
    "arithmetic": "the precision or the operators were others",
}
"""What makes the same words the same run."""


def environment(device: str) -> dict[str, Any]:
    """Commit, code, versions, device and time, as a record holds them."""
    import torch  # 2.5 s of CPU, which whoever only reads records does not pay

    commit = git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!results")
    return {
        "commit": commit,
        "code": code(),
        "dirty": bool(changed) or code() != code_of(commit),  # git can be told to overlook a file
        "torch": torch.__version__,  # with the build's local part, which the metadata may lack
        "lightning": version("lightning"),
        "python": platform.python_version(),
        "device": device,
        "threads": torch.get_num_threads(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def changes(then: Mapping[str, Any], now: Mapping[str, Any], facts: Mapping[str, str]) -> str:
    """In which of these facts, which both hold, one is not as the other: a clause, or nothing."""
    held = [key for key in facts if key in then and key in now]
    return " and ".join(dict.fromkeys(facts[key] for key in held if then[key] != now[key]))


@cache  # what is edited later was not imported by a run that has begun
def code() -> str:
    """Checksum of the code in this folder, the one that `code_of` gives of a commit of it."""
    return of_files(path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file())


def of_files(paths: Iterable[Path]) -> str:
    code = (path for path in paths if path.suffix in KINDS)
    return of_blobs((path.relative_to(ROOT).as_posix(), blob(path.read_bytes())) for path in code)


def code_of(commit: str) -> str:
    """Checksum of the code of a commit, of none where git does not know it."""
    rows = git("ls-tree", "-r", "-z", commit, "--", *ROOMS).split("\0")
    return of_blobs((row.partition("\t")[2], row.partition("\t")[0].split()[-1]) for row in rows
                    if row)  # fmt: skip


def blob(data: bytes) -> str:
    """What git calls a text file of these bytes."""
    text = data.replace(b"\r\n", b"\n")  # as it is committed, also where git writes it otherwise
    return hashlib.sha1(b"blob %d\0" % len(text) + text, usedforsecurity=False).hexdigest()


def of_blobs(blobs: Iterable[tuple[str, str]]) -> str:
    lines = sorted(f"{sha1} {name}" for name, sha1 in blobs if name.endswith(KINDS))
    return hashing.of_bytes("\n".join(lines).encode())


def method_code(method: Mapping[str, Any]) -> dict[str, str]:
    """Checksum of the files of adapters that a method's classes and their bases come from."""
    targets = {str(value) for _, key, value in nested.entries(method) if key == "_target_"}
    return {"method_sha256": of_modules(tuple(sorted(t.rpartition(".")[0] for t in targets)))}


@cache
def of_modules(modules: tuple[str, ...]) -> str:
    found: dict[str, Path] = {}
    for module in modules:
        gather(module, found)
    return of_files(found.values())


def gather(module: str, found: dict[str, Path]) -> None:
    """Add the file of a module of adapters and those that it imports."""
    place = ROOT.joinpath(*module.split("."))
    path = next(filter(Path.is_file, (place.with_suffix(".py"), place / "__init__.py")), None)
    if module in found or path is None or module.split(".")[0] != "adapters":
        return
    found[module] = path
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            gather(name, found)


def git(*words: str) -> str:
    """What git says of the project, or nothing where there is no repository."""
    line = ["git", "--no-optional-locks", *words]  # another git may be at work here
    try:
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
