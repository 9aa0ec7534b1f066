"""A page of all results to look at: ``python -m benchmarks.report --open``. One HTML file that
needs no server, no network and nothing beside it.
"""

import argparse
import webbrowser
from pathlib import Path

from benchmarks.harness.config.cli import command
from benchmarks.harness.report.page import render
from core import output


@command()
def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.report", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("results"), help="of the results")
    parser.add_argument("--to", type=Path, metavar="FILE", help="instead of report/index.html")
    parser.add_argument("--open", action="store_true", help="show it in the browser")
    hidden = "leave out pictures made from real data"
    parser.add_argument("--public", action="store_true", help=hidden)
    asked = parser.parse_args(words)
    path = asked.to or asked.folder / "report" / "index.html"
    page = render(asked.folder, local=not asked.public).encode()
    output.write(path, page)
    print(f"{path} ({len(page) / 1e6:.1f} MB)")
    if asked.open:
        webbrowser.open(path.resolve().as_uri())
    return 0


if __name__ == "__main__":
    main()
