"""Who may import whom: the rooms, the wings of the harness, the commands; and who reads words."""

import ast
from pathlib import Path

import pytest

from core.paths import ROOT

ROOMS = {
    "core": {"core"},
    "adapters": {"adapters", "core"},
    "benchmarks/parafaces": {"core", "benchmarks.parafaces"},
    "benchmarks/harness": {"core", "benchmarks.harness", "benchmarks.parafaces"},
}
"""What of ours a room may import; adapters are named by configurations and imported by nobody."""

BELOW_PARAFACES = {"core.atomic", "core.errors", "core.hashing", "core.paths"}
"""Of core, what people are drawn with: no network."""

WINGS = (
    "io",
    "records",
    "config",
    "data",
    "alignment",
    "evaluation",
    "training",
    "leaderboard",
    "stylize",
    "report",
    "export",
    "speed",
    "assets",
    "sweep",
    "experiment",
    "scoring",
)
"""Of the harness, from the lowest up: each imports itself and those before it."""

CONFIGURATION = {"hydra", "omegaconf"}
FOREIGN = {
    "core": {"lightning", "wandb", *CONFIGURATION},
    "adapters": {"wandb", *CONFIGURATION},
    "benchmarks": {"tests"},
}
COMMANDS = sorted(ROOT.glob("benchmarks/[a-z]*.py"))


def files(room):
    return sorted((ROOT / room).rglob("*.py"))


def module(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path) for room in ("core", "adapters", "benchmarks") for path in files(room)}


def imported(path):
    """Modules that a file imports, at its top or later."""
    return names_of(ast.parse(path.read_text(encoding="utf-8")))


def names_of(tree):
    found = set()
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    blocks = [node for node in blocks if ast.unparse(node.test) == "TYPE_CHECKING"]
    typing = {inner for node in blocks for inner in ast.walk(node)}
    for node in set(ast.walk(tree)) - typing:  # what only a checker of types reads
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in inner}
    return found


def tops(path):
    return {name.split(".")[0] for name in imported(path)}


def inside(name, rooms):
    return any(f"{name}.".startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_what_lies_below_them(room):
    for path in files(room):
        ours = {name for name in imported(path) if name in MODULES}
        assert all(inside(name, ROOMS[room]) for name in ours), path


def test_people_are_drawn_without_networks():
    for path in files("benchmarks/parafaces"):
        core = {name for name in imported(path) if inside(name, ["core"])}
        assert core <= BELOW_PARAFACES, path


@pytest.mark.parametrize("room", FOREIGN)
def test_libraries_stay_where_they_belong(room):
    for path in files(room):
        assert not tops(path) & FOREIGN[room], path


def test_configuration_is_read_by_its_wing_and_by_commands():
    allowed = {*files("benchmarks/harness/config"), *COMMANDS}
    users = {
        p for p in files("benchmarks") if {n.split(".")[0] for n in imported(p)} & CONFIGURATION
    }
    assert users <= allowed, users - allowed


def wing(name):
    return name.split(".")[2]


def test_wings_import_down_only():
    upward = []
    for path in files("benchmarks/harness"):
        if module(path) == "benchmarks.harness":
            continue
        own = WINGS.index(wing(module(path)))
        names = {n for n in imported(path) if n in MODULES and inside(n, ["benchmarks.harness"])}
        above = [n for n in names if n.count(".") > 1 and WINGS.index(wing(n)) > own]
        upward += [f"{module(path)} imports {name}" for name in above]
    assert not upward, "\n".join(upward)


def test_no_module_is_imported_in_a_circle():
    paths = {module(p): p for room in ("core", "adapters", "benchmarks") for p in files(room)}
    edges = {name: (imported(path) & MODULES) - {name} for name, path in paths.items()}
    while free := [name for name, below in edges.items() if not below & edges.keys()]:
        for name in free:
            del edges[name]
    assert not edges, f"{sorted(edges)} wait for one another"


def test_no_command_imports_another_and_nothing_imports_a_command():
    commands = {module(path) for path in COMMANDS} - {"benchmarks"}
    for path in files("benchmarks"):
        itself = {"benchmarks.run"} if path == ROOT / "benchmarks" / "run.py" else set()
        assert not imported(path) & commands - itself, path


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_a_command_is_framed(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    framed = [node for node in tree.body if isinstance(node, ast.FunctionDef) and any(
        isinstance(d, ast.Call) and getattr(d.func, "id", "") == "command"
        for d in node.decorator_list)]  # fmt: skip
    assert [node.name for node in framed] == ["main"]
    assert not any(isinstance(node, ast.ClassDef) for node in tree.body)


def test_the_search_sees_imports_within_functions():
    path = Path(__file__).parent / "helpers" / "weights.py"
    assert "torch" in tops(path)


POSIX = {"fcntl", "grp", "pwd", "resource", "termios"}


def test_everything_can_be_imported_on_windows():
    """What only POSIX has is imported where it is used, or in a ``try``."""
    for room in FOREIGN:
        for path in files(room):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            tree.body = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not {name.split(".")[0] for name in names_of(tree)} & POSIX, path
