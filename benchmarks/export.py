"""``python -m benchmarks.export RUN --to DIR``: networks, configuration, card, pictures."""

import argparse
from pathlib import Path

from benchmarks.harness.config.cli import command


@command()
def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.export", description=__doc__)
    parser.add_argument("run", help="folder, name or record of a finished run")
    parser.add_argument("--to", type=Path, required=True, help="folder to be made")
    parser.add_argument("--licence", default="", help="of a source's weights that are not ours")
    options = parser.parse_args(words)
    from benchmarks.harness.export.export import export
    from benchmarks.harness.stylize.find_run import find_run

    export(find_run(options.run, Path("results"), whole=False), options.to, options.licence)
    print(f"{options.to} is ready; upload it with: hf upload USER/NAME {options.to}")
    return 0


if __name__ == "__main__":
    main()
