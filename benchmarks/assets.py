"""Make what is shipped in ``core/assets``: ``python -m benchmarks.assets KIND [key=value ...]``.

perception  trains a network that sees ParaFaces (which=measure, or guide), and measures it
encoder     trains a source's encoder (source=NAME), ships it, measures it beside optimisation
codes       inverts a source's held-out test people once for all runs
stage2      trains stage II of DualStyleGAN, which is the same for all targets, and before it an
            encoder into Z+ where the source has none

The words of perception are those of conf/perception.yaml, of the others those of benchmarks.run.
"""

import argparse
from importlib import import_module

from benchmarks.harness.config.cli import command

MAKERS = {
    "perception": "perception.make",
    "encoder": "sources.make_encoder",
    "codes": "sources.make_codes",
    "stage2": "sources.make_stage2",
}
"""Kinds of assets, and what takes the words and returns what is said."""


@command()
def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.assets",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("kind", choices=MAKERS, metavar="KIND", help=", ".join(MAKERS))
    parser.add_argument("words", nargs="*", metavar="key=value")
    options = parser.parse_args(words)
    module, maker = MAKERS[options.kind].split(".")
    for line in getattr(import_module(f"benchmarks.harness.assets.{module}"), maker)(options.words):
        print(line)
    return 0


if __name__ == "__main__":
    main()
