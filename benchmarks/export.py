"""A finished run for others: ``python -m benchmarks.export RUN --to DIR`` makes a folder for a hub,
with ``--format onnx``, ``torch_export`` or ``torchscript`` programs that need nothing of ours.
"""

import argparse
from pathlib import Path

from benchmarks.harness.config.cli import command

FORMATS = ("hub", "torchscript", "torch_export", "onnx")
UPLOAD = "; upload it with: hf upload USER/NAME {}"


@command()
def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.export", description=__doc__)
    parser.add_argument("run", help="folder, name, record or weights of a finished run")
    parser.add_argument("--to", type=Path, required=True, help="folder to be made")
    parser.add_argument("--format", choices=FORMATS, default="hub", help="default: hub")
    parser.add_argument("--licence", default="", help="of a source's weights that are not ours")
    parser.add_argument("--folder", type=Path, default=Path("results"), help="where runs are")
    options = parser.parse_args(words)
    from benchmarks.harness.export.export import export
    from benchmarks.harness.stylize.find_run import find_run

    run = find_run(options.run, options.folder, whole=False)
    export(run, options.to, options.format, options.licence)
    how = UPLOAD.format(options.to) if options.format == "hub" else ""
    print(f"{options.to} is ready{how}")
    return 0


if __name__ == "__main__":
    main()
