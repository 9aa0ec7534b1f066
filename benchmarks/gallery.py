"""The same people through several methods: ``python -m benchmarks.gallery RUN ... --to FILE``.

Every RUN is a folder of results/out, the name of a record or its beginning, or a file of weights
with a record beside it. Each method needs one run of each style, all from one source; rows and
blocks stand in the order in which runs are named. Who is shown follows from conf/gallery.yaml.
"""

import argparse
from pathlib import Path

from benchmarks.harness.config.cli import command


@command()
def main(words: list[str]) -> int:
    """Write the picture, and say who is in it."""
    parser = argparse.ArgumentParser("python -m benchmarks.gallery", description=__doc__)
    parser.add_argument("runs", metavar="RUN", nargs="+", help="finished runs on ParaFaces")
    parser.add_argument("--folder", type=Path, default=Path("results"), help="of the runs")
    parser.add_argument("--to", type=Path, default=Path("gallery.jpg"), metavar="FILE", help="JPEG")
    options = parser.parse_args(words)
    from benchmarks.harness.report.people_gallery import write

    people = write(options.to, options.runs, options.folder).people
    who = ", ".join(f"{number} ({trait})" for trait, number in people.items())
    print(f"{options.to}: held-out people {who}")
    return 0


if __name__ == "__main__":
    main()
