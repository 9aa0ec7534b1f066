"""Judge what is there by any evaluation, without training.

``python -m benchmarks.score RUN`` judges a finished run by its own evaluation or by ``eval=NAME``,
in its own data or in ``data=NAME``. ``... CHECKPOINT data=NAME`` judges the generator of any file
that `benchmarks.convert` reads, beside its source where ``source=NAME`` names it. ``... PICTURES
REFERENCE`` compares two folders or zips of pictures, ``... PICTURES data=NAME`` a folder with a
set. A run's and a checkpoint's pictures are compared with a REFERENCE too.
"""

import argparse
from pathlib import Path

from benchmarks.harness.config.cli import command


@command()
def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.score", description=__doc__)
    parser.add_argument("judged", help="a finished run, a checkpoint, a folder or zip of pictures")
    parser.add_argument(
        "words", nargs="*", help="REFERENCE, a folder or zip of pictures; eval=, data=, source="
    )
    parser.add_argument("--folder", type=Path, default=Path("results"), help="of the runs")
    parser.add_argument("--resolution", type=int, help="px of pictures that differ in size")
    parser.add_argument("--to", type=Path, help="JSON file to write")
    options = parser.parse_intermixed_args(words)
    from benchmarks.harness import scoring

    scores = scoring.score(options.judged, options.words, options.folder, options.resolution)
    scores.print()
    if options.to:
        scores.write(options.to)
        print(f"scores: {options.to}")
    return 0


if __name__ == "__main__":
    main()
