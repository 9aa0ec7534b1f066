"""What this machine has: ``python -m benchmarks.doctor``.

Versions, device, the operators' back-end and why, the shipped networks, and the optional files:
which are there, and for each that is not where it is obtained by hand, its licence, and what can be
run without it. Nothing is downloaded or changed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
from typing import Any

import torch
from rich.console import Console

from benchmarks.harness.io import external_weights
from core import ops
from core.paths import ASSETS

PACKAGES = ("torch", "torchvision", "triton", "lightning", "timm", "hydra-core", "safetensors")
MISSING = "not installed"


def versions() -> dict[str, str]:
    """Version of Python and of the packages that matter."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = MISSING
    return found


def devices() -> dict[str, str]:
    """What a run can be placed on."""
    kind = torch.backends.cpu.get_cpu_capability()
    found = {"cpu": f"{platform.processor() or platform.machine()}, {kind}, "}
    found["cpu"] += f"{torch.get_num_threads()} threads"
    for index in range(torch.cuda.device_count()):
        about: Any = torch.cuda.get_device_properties(index)
        found[f"cuda:{index}"] = f"{about.name}, {about.total_memory / 2**30:.0f} GiB"
    if not torch.cuda.is_available():
        built = torch.version.cuda
        found["cuda"] = f"no device; torch is built for CUDA {built}" if built else "not in torch"
    return found


def backend() -> str:
    """Which implementation of the operators a tensor meets, and why."""
    active = ops.active(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    return f"{active.name} ({active.reason})"


def described(entry: external_weights.OptionalFile) -> list[str]:
    """An optional file in lines; one that is not there with what it takes to obtain it."""
    use = "any use" if entry.commercial else "non-commercial"
    size = f", {entry.size}" if entry.size else ""
    lines = [f"{entry.name:<19}{entry.kind}, {entry.state}{size}, {use}"]
    about = [("for", entry.unlocks)]
    if entry.state != "present":
        about += [("find", entry.by_hand), *(("from", place) for place in entry.places)]
        about += [("to", str(entry.path)), ("licence", entry.licence)]
    return lines + [f"    {word:<8} {text}" for word, text in about]


def main() -> None:
    """Print it all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.doctor", description=__doc__)
    parser.parse_args()
    console = Console()

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True, markup=False)

    for name, value in {**versions(), **devices()}.items():
        say(f"{name:<12} {value}")
    say(f"{'operators':<12} {backend()}")
    for path in sorted(ASSETS.glob("*.safetensors")):
        say(f"{'shipped':<12} {path.name}, {path.stat().st_size / 2**20:.1f} MiB")
    say(f"{'weights':<12} {external_weights.folder()}")
    say("\noptional files; nothing is downloaded by itself:")
    for entry in external_weights.listed().values():
        for line in described(entry):
            say(line)
    say("\nwhat can be run without:")
    for kind, text in external_weights.without().items():
        say(f"{kind:<12} {text}")


if __name__ == "__main__":
    main()
