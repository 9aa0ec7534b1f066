"""Tables of the committed records: ``python -m benchmarks.leaderboard --format latex``."""

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.harness.config.cli import command
from benchmarks.harness.leaderboard import csv_json, markup, readme
from benchmarks.harness.leaderboard.selection import Selection, gather
from core import output

FORMATS = ("markdown", "latex", "latex-input", "csv", "json", "html")


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.leaderboard", description=__doc__)
    forms = "latex is a document of its own, latex-input what a paper takes by \\input"
    parser.add_argument("--format", choices=FORMATS, default="markdown", help=forms)
    several: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME"}
    parser.add_argument("--data", help="data set or pattern; may be repeated", **several)
    parser.add_argument("--source", help="source or pattern; may be repeated", **several)
    parser.add_argument("--eval", help="evaluation or pattern; may be repeated", **several)
    metrics = "kid or kid@parafaces or a pattern; may be repeated"
    parser.add_argument("--metric", dest="metrics", help=metrics, **several)
    ranks = "order rows by mean rank in it, and compare them over the same seeds"
    parser.add_argument("--rank", metavar="METRIC", default="", help=ranks)
    parser.add_argument("--against", metavar="ROW", default="", help="compare with this row")
    parser.add_argument("--since", metavar="DATE", default="", help="leave out earlier runs")
    parser.add_argument("--reported", action="store_true", help="add what papers report")
    parser.add_argument("--folder", type=Path, default=Path("results"))
    parser.add_argument("--to", type=Path, metavar="FILE", help="write there, not to the screen")
    parser.add_argument("--readme", action="store_true", help="write README.md of the folder anew")
    return parser.parse_args(words)


@command()
def main(words: list[str]) -> int:
    asked = vars(arguments(words))
    form, to, whole = (asked.pop(name) for name in ("format", "to", "readme"))
    if whole:
        path = asked["folder"] / "README.md"
        output.write(path, readme.text(asked["folder"]).encode())
        print(path)
        return 0
    content = gather(Selection(**asked))
    if content.dirty:
        why = "of code that was not committed, or that they do not name"
        print(f"left out: {content.dirty} records {why}", file=sys.stderr)
    data = {"csv": csv_json.as_csv, "json": csv_json.as_json}
    text = data[form](content) if form in data else markup.document(form, content)
    if to:
        output.write(to, text.encode())
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    main()
