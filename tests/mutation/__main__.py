"""Mutation testing: faults are put into a copy of the tree, and tests must notice each.

    python -m tests.mutation --count 200 [--seed 0] [--under core adapters] [--to report.json]

Not a part of CI. Every mutant meets the tests that mirror or import its file, cheapest first, in a
process forked from one that has the libraries loaded; it is dead with the first test that fails,
or with the first that takes far too long.
"""

import argparse
import ast
import importlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant, mutants

ROOMS = ("core", "adapters", "benchmarks")
LIBRARIES = ("torch", "lightning.pytorch", "timm", "torchvision", "scipy.signal", "hydra", "numba")
CPU_SECONDS = 600  # the tests of no file take half of it
FAULT = 99  # exit status where pytest itself could not run
BY_METHOD = ("tests/test_adapters.py", "tests/trust/test_resume.py")  # once for every method


class Watch:
    """A plugin that sorts tests by what they cost and remembers the first that fails."""

    def __init__(self, costs: dict[str, float], methods: set[str]) -> None:
        self.costs, self.methods, self.killer = costs, methods, ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if self.concerned(item)]
        items.sort(key=lambda item: self.costs.get(item.nodeid, 0.3))

    def concerned(self, item: pytest.Item) -> bool:
        """Whether a test is of a method of the file, where tests go through all methods."""
        if not item.nodeid.startswith(BY_METHOD):
            return True
        return item.nodeid.rpartition("[")[2].removesuffix("]") in self.methods

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.killer = self.killer or report.nodeid

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.killer = self.killer or report.nodeid


def tests_of(root: Path, file: str) -> list[str]:
    """The test files that mirror a file's folder or import its module."""
    module = file.removesuffix(".py").replace("/", ".")
    parent, _, name = module.rpartition(".")
    folder = (root / "tests" / file.removeprefix("benchmarks/")).parent
    while not folder.is_dir():
        folder = folder.parent
    near = sorted(folder.glob("test_*.py"))
    found = [str(path.relative_to(root)) for path in near]
    for path in sorted((root / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (
                node.module == module
                or (node.module == parent and any(alias.name == name for alias in node.names))
            ):
                found.append(str(path.relative_to(root)))
    if file.startswith("adapters"):
        found += BY_METHOD
    return list(dict.fromkeys(found))


def methods_of(root: Path, file: str) -> set[str]:
    """The methods that a file of adapters holds; plain fine-tuning for what all share."""
    module = file.removesuffix(".py").replace("/", ".")
    yamls = (root / "conf" / "method").glob("*.yaml")
    own = {path.stem for path in yamls if f"_target_: {module}." in path.read_text("utf-8")}
    return own or {"finetune"}


def verdict(root: Path, mutant: Mutant, costs: dict[str, float]) -> str:
    """The test that noticed, in a forked process; empty where none did."""
    source = (root / mutant.file).read_text(encoding="utf-8")
    read, write = os.pipe()
    (root / mutant.file).write_text(mutant.applied(source), encoding="utf-8")
    pid = os.fork()
    if not pid:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
        os.chdir(root)
        sys.path[:] = [str(root), *(p for p in sys.path if p not in ("", os.getcwd()))]
        for name in [n for n in sys.modules if n.split(".")[0] in (*ROOMS, "tests")]:
            del sys.modules[name]
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        watch = Watch(costs, methods_of(root, mutant.file))
        # Exhaustive tests too, in this process, and nothing that pyproject.toml adds for many.
        words = ["-x", "-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
        code = pytest.main([*words, *tests_of(root, mutant.file)], plugins=[watch])
        os.write(write, watch.killer.encode())
        known = code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or watch.killer
        os._exit(0 if known else FAULT)
    os.close(write)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == FAULT:
        raise RuntimeError(f"pytest could not run {tests_of(root, mutant.file)}")
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what it may have left running
    (root / mutant.file).write_text(source, encoding="utf-8")
    with os.fdopen(read, "rb") as pipe:
        killer = pipe.read().decode()
    return killer or ("it takes too long or crashes" if status else "")


def copied(root: Path, folder: Path) -> Path:
    """The tree as git knows it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0")[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, folder / name)
    return folder


def drawn(root: Path, under: list[str], count: int, seed: int) -> list[Mutant]:
    """Mutants, every file with a share of its size."""
    files = [p for room in under for p in sorted((root / room).rglob("*.py"))]
    names = [str(p.relative_to(root)) for p in files]
    everything = [m for name in names for m in mutants(root, name)]
    return random.Random(seed).sample(everything, count)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--under", nargs="+", default=list(ROOMS))
    parser.add_argument("--to", type=Path, default=Path("mutation.json"))
    parser.add_argument("--costs", type=Path, help="JSON of seconds by test, cheapest first")
    options = parser.parse_args()
    costs = json.loads(options.costs.read_text()) if options.costs else {}
    report = json.loads(options.to.read_text()) if options.to.exists() else {}
    for name in LIBRARIES:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as scratch:
        root = copied(Path.cwd(), Path(scratch))
        for mutant in drawn(root, options.under, options.count, options.seed):
            key = f"{mutant.file}:{mutant.line}:{mutant.begin} {mutant.text}"
            if key in report:
                continue
            begun = time.monotonic()
            report[key] = killer = verdict(root, mutant, costs)
            options.to.write_text(json.dumps(report, indent=1))
            print(f"{time.monotonic() - begun:5.0f} s  {key}: {killer or 'LIVES'}", flush=True)
    total, dead = Counter(k.split("/")[0] for k in report), Counter()
    dead.update(k.split("/")[0] for k, killer in report.items() if killer)
    for room, n in sorted(total.items()):
        print(f"{room}: {dead[room]} of {n} dead")


if __name__ == "__main__":
    main()
