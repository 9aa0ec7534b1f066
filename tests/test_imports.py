import ast
from pathlib import Path

import pytest

from core.paths import ROOT

FORBIDDEN = {
    "core": {"adapters", "benchmarks", "lightning", "hydra", "omegaconf", "wandb"},
    "adapters": {"benchmarks", "hydra", "omegaconf", "wandb"},
    "benchmarks": {"adapters", "tests"},
}


def imported(module: Path | ast.Module) -> set[str]:
    tree = module if isinstance(module, ast.Module) else ast.parse(module.read_text("utf-8"))
    names = set()
    for node in ast.walk(tree):
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


POSIX = {"fcntl", "grp", "pwd", "resource", "termios"}


def test_everything_can_be_imported_on_windows():
    """What only POSIX has is imported where it is used, or in a ``try``."""
    known = {  # these go with the command of a run, that of the speed, and the claims of a sweep
        ROOT / "benchmarks/harness/evaluation/outcome.py",
        ROOT / "benchmarks/harness/sweep/claims.py",
        ROOT / "benchmarks/speed.py",
    }
    for package in FORBIDDEN:
        for path in set((ROOT / package).rglob("*.py")) - known:
            whole = ast.parse(path.read_text(encoding="utf-8"))
            whole.body = [n for n in whole.body if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not imported(whole) & POSIX, path
