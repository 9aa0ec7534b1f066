"""Bring optional files: ``python -m benchmarks.fetch NAME...`` or ``NAME --from FILE``.

The names are those of ``conf/weights.yaml``. A download that was cut off goes on where it ended; a
file is moved to its place only when its length and checksum are right, as far as they are known.
This is the only command that downloads, and nothing calls it.
"""

import argparse
from pathlib import Path

from benchmarks.harness.config.cli import command
from core.errors import UserError


@command(interrupted="stopped; the same command goes on from here.")
def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.fetch", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="as benchmarks.doctor lists them")
    parser.add_argument("--from", dest="by_hand", type=Path, metavar="FILE", help="of one NAME")
    options = parser.parse_args(words)
    from benchmarks.harness.io import download, external_weights

    if options.by_hand is not None and len(options.names) > 1:
        raise UserError("--from FILE takes one NAME.")
    for entry in [external_weights.entry(name) for name in options.names]:
        download.provide(entry, options.by_hand)
    return 0


if __name__ == "__main__":
    main()
