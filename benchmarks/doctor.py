"""What this machine has: ``python -m benchmarks.doctor``.

Versions, device, the operators' back-end and why, the shipped networks, and the optional files:
which are there, and for each that is not where it is obtained by hand, its licence, and what can be
run without it. Nothing is downloaded or changed.
"""

import argparse

from benchmarks.harness.config.cli import command
from benchmarks.harness.io import external_weights, machine
from core.paths import ASSETS


@command()
def main(words: list[str]) -> int:
    argparse.ArgumentParser("python -m benchmarks.doctor", description=__doc__).parse_args(words)
    for name, value in (machine.versions() | machine.devices()).items():
        print(f"{name:<12} {value}")
    for path in sorted(ASSETS.glob("*.safetensors")):
        print(f"{'shipped':<12} {path.name}, {path.stat().st_size / 2**20:.1f} MiB")
    print(f"{'weights':<12} {external_weights.folder()}")
    print("\noptional files; nothing is downloaded by itself:")
    for entry in external_weights.listed().values():
        print("\n".join(described(entry)))
    print("\nwhat can be run without:")
    for kind, text in external_weights.without().items():
        print(f"{kind:<12} {text}")
    return 0


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


if __name__ == "__main__":
    main()
