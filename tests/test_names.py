"""A name stands for one thing in the whole project."""

import ast
from collections import Counter

from core.paths import ROOT


def test_no_two_classes_have_one_name():
    names = Counter(
        node.name
        for room in ("core", "adapters", "benchmarks")
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert names
    assert not [name for name, count in names.items() if count > 1]
