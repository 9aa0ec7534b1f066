"""The tables of docs/methods.md on numbers that depend on the size of pictures.

python -m tests.helpers.sizes      writes them anew
"""

import re
from functools import cache
from itertools import groupby

from benchmarks.harness.config import rules
from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.grid import node_of
from benchmarks.harness.config.validation import choices_of
from benchmarks.harness.records import nested
from core.errors import UserError
from core.paths import ROOT

PAGE = ROOT / "docs" / "methods.md"
RESOLUTIONS = (64, 256, 1024)
WORDS = ["data=folder", "data.root=x"]


def value(node, key):
    *path, last = (int(word) if word.isdigit() else word for word in key.split("."))
    for name in path:
        node = node[name]
    return node[last]


def derived(method):
    """Keys of the numbers of a method that follow a rule, with what they are at each size."""
    keys = [
        key for key, _, rule in nested.entries(node_of("method", method)) if rules.is_rule(rule)
    ]
    usual = usually()
    made = [
        rules.applied(
            usual
            | {"method": node_of("method", method)}
            | {"source": usual["source"] | {"resolution": side}}
        )
        for side in (RESOLUTIONS if keys else ())
    ]
    return {key: [value(one["method"], key) for one in made] for key in keys}


@cache
def usually():
    return compose(WORDS).unresolved


def images(method, length):
    """How many pictures a training of some length shows; a dash where it has no such length."""
    if length == "default":
        return node_of("method", method)["images"]
    try:
        return compose([f"method={method}", *WORDS, f"length={length}"]).cfg.method.images
    except UserError:
        return "-"


def row(*cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def number(n):
    return f"{n:g}" if isinstance(n, float) else f"{n:,}" if isinstance(n, int) else n


def grouped(rows):
    """Rows (method, cells) of equal cells in one, with all of their methods."""
    rows = sorted(rows, key=lambda one: (str(one[1]), one[0]))
    for cells, several in groupby(rows, key=lambda one: one[1]):
        yield ", ".join(f"`{method}`" for method, _ in several), cells


def table():
    numbers, lengths = [], []
    for method in choices_of("method"):
        numbers += [(method, (key, *made)) for key, made in derived(method).items()]
        lengths.append((method, (images(method, "default"), images(method, "published"))))
    text = [
        row("number", "methods", *(f"{side} px" for side in RESOLUTIONS)),
        "|:--|:--|--:|--:|--:|",
    ]
    text += [
        row(f"`{key}`", methods, *map(number, made)) for methods, (key, *made) in grouped(numbers)
    ]
    text += ["", row("methods", "default", "published"), "|:--|--:|--:|"]
    text += [row(methods, *map(number, made)) for methods, made in grouped(lengths)]
    return "\n".join(text)


def with_tables(page):
    begin, end = "<!-- sizes: made by tests/helpers/sizes.py -->\n", "\n<!-- end of sizes -->"
    return re.sub(f"{begin}.*{end}", f"{begin}{table()}{end}", page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
