import ast
import subprocess
import sys
from pathlib import Path

import pytest

from core.paths import ROOT

FORBIDDEN = {
    "core": {"adapters", "benchmarks", "lightning", "hydra", "omegaconf", "wandb"},
    "adapters": {"benchmarks", "hydra", "omegaconf", "wandb"},
    "benchmarks": {"adapters", "tests"},
}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_down_only(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        assert not imported(path) & FORBIDDEN[package], path


def test_hydra_is_imported_by_commands_and_the_wing_that_reads_configuration():
    allowed = {ROOT / "benchmarks", ROOT / "benchmarks/harness/config"}
    users = {p for p in (ROOT / "benchmarks").rglob("*.py") if "hydra" in imported(p)}
    assert {path.parent for path in users} <= allowed | {ROOT / "benchmarks/harness/sweep"}


COMMANDS = sorted(path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py"))


def modules(path: Path) -> set[str]:
    """Dotted names of what a file imports, as modules or from them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_nothing_imports_a_command():
    commands = {f"benchmarks.{name}" for name in COMMANDS}
    for package in FORBIDDEN:
        for path in (ROOT / package).rglob("*.py"):
            own = f"benchmarks.{path.stem}"  # Hydra's launchers want the task by its name
            assert not (modules(path) & commands) - {own}, path


HEAVY_HELP = {"doctor", "leaderboard", "prepare", "report"}
"""Commands that import at once what they work with."""
HEAVY = ("torch", "lightning", "timm", "matplotlib", "numba", "scipy", "torchvision")


def loaded(code: str) -> set[str]:
    """Which heavy libraries a process has imported when it has run ``code``."""
    words = [sys.executable, "-c", f"{code}\nprint('\\n', *sys.modules)"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()) & set(HEAVY)


def test_a_commands_help_imports_nothing_heavy():
    code = f"""
import contextlib, importlib, sys
for name in {sorted(set(COMMANDS) - HEAVY_HELP)}:
    with contextlib.suppress(SystemExit):
        importlib.import_module(f"benchmarks.{{name}}").main(["--help"])
"""
    assert not loaded(code)


def test_faces_are_rendered_without_torch():
    render = "render(parameters(np.arange(1), np.zeros(1, int)), 'photo', 32)"
    code = "import sys\nimport numpy as np\nfrom benchmarks.parafaces import parameters, render\n"
    assert not loaded(code + render) & {"torch", "lightning"}
