"""Small pictures of finished runs for the report: ``python -m benchmarks.tiles``. Reads the weights
in ``results/out`` and writes one strip a published run, and its scene's, into ``results/tiles``; of
real pictures into ``results/local/tiles``, which git does not know.
"""

import argparse
from pathlib import Path

from benchmarks.harness.config.cli import command, complain
from core.errors import UserError


@command()
def main(words: list[str]) -> int:
    """Make the strips that are not there; status 1 where a run could not be shown."""
    parser = argparse.ArgumentParser("python -m benchmarks.tiles", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("results"), help="of the runs")
    parser.add_argument("--to", type=Path, help="folder of results to write to, if another")
    parser.add_argument("--again", action="store_true", help="also those that are there")
    options = parser.parse_args(words)
    import torch

    from benchmarks.harness.report.strip_maker import StripMaker, finished

    maker = StripMaker(options.folder / "out", options.to or options.folder, options.again)
    torch.set_num_threads(1)  # the pictures of other numbers of threads differ in their last bits
    failed = 0
    for folder, record in finished(options.folder):
        if not maker.needs(folder, record):
            continue
        try:
            print(f"{folder.name}: {maker.make(folder, record) / 1024:.1f} KiB")
        except UserError as error:
            failed += 1
            complain(f"{folder.name} is left out: {error}")
    return 1 if failed else 0


if __name__ == "__main__":
    main()
