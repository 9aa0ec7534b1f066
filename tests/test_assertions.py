"""A test says what must hold: none passes merely because nothing was raised."""

import ast
from functools import cache

from core.paths import ROOT

REFUSALS = ("raises", "warns", "fail")


def asserts(function, known, seen=frozenset()):
    """Whether a function asserts something, itself or by what it names among the ``known``."""
    for node in ast.walk(function):
        match node:
            case ast.Assert():
                return True
            case ast.Call(func=ast.Attribute(attr=name)):
                if name in REFUSALS or name.startswith("assert_"):
                    return True
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                if (
                    name in known
                    and name not in seen
                    and asserts(known[name], known, seen | {name})
                ):
                    return True
    return False


@cache
def functions(path):
    """By name: those that a file has of other files of tests, and its own, which win."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    found = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
            place = ROOT / node.module.replace(".", "/")
            for part in (place, *(place / alias.name for alias in node.names)):
                if part.with_suffix(".py").is_file():
                    found |= functions(part.with_suffix(".py"))
    return found | {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}


def test_every_test_asserts_something():
    tests = {
        f"{path.relative_to(ROOT)}::{name}": asserts(function, functions(path))
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for name, function in functions(path).items()
        if name.startswith("test_")
    }
    assert len(tests) > 1000
    assert [name for name, sound in tests.items() if not sound] == []


def test_a_test_without_an_assertion_is_found():
    text = "def test_a(x):\n    go(x)\ndef test_b():\n    held()\ndef held():\n    assert 1"
    known = {node.name: node for node in ast.parse(text).body}
    assert [asserts(function, known) for function in known.values()] == [False, True, True]
