"""Commands that only read are light on their feet: no library of the work itself is imported."""

import json
import resource
import subprocess
import sys

import pytest

from core.paths import ROOT

HEAVY = {"torch", "lightning", "wandb", "timm", "matplotlib", "scipy", "numba", "torchvision"}
LIGHT = {
    "run --help": 0,
    "run --cfg job": 0,
    "run method=freezsg": 2,
    "run method.lr_of_g=1": 2,
    "doctor": 0,
    "leaderboard": 0,
    "sweep --dry-run method=glob(*) data=parafaces_webtoon seed=0": 0,
}
MOST = 8  # times the CPU of `import hydra`: they take 1 to 6
AFTER = """
import json, sys
import benchmarks.{name} as command
status = command.main(sys.argv[1:])
print("\\n" + json.dumps([status, sorted(sys.modules)]))
"""


def user_seconds(*words):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, check=False)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


@pytest.mark.parametrize("line", LIGHT)
def test_nothing_heavy_is_imported(line):
    name, *words = line.split()
    code = [sys.executable, "-c", AFTER.format(name=name), *words]
    done = subprocess.run(code, cwd=ROOT, capture_output=True, text=True, check=True)
    status, modules = json.loads(done.stdout.splitlines()[-1])
    assert status == LIGHT[line]
    assert not HEAVY & set(modules)


def test_help_of_no_command_imports_anything_heavy():
    names = sorted(path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py"))
    code = "\n".join([
        "import contextlib, importlib, json, sys",
        f"for name in {names}:",
        "    with contextlib.suppress(SystemExit):",
        "        importlib.import_module(f'benchmarks.{name}').main(['--help'])",
        "print('\\n' + json.dumps(sorted(sys.modules)))",
    ])  # fmt: skip
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.exhaustive  # times alone; what is imported is looked at above
@pytest.mark.parametrize("line", LIGHT)
def test_it_costs_little_more_than_hydra(line):
    name, *words = line.split()
    # Both under the same load, one after the other: what else runs slows either.
    ratios = (
        user_seconds("-m", f"benchmarks.{name}", *words) / user_seconds("-c", "import hydra")
        for _ in range(5)
    )
    assert any(ratio < MOST for ratio in ratios)


def test_the_page_of_help_fits_two_screens(capsys):
    from benchmarks import run

    assert run.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) <= 60
    assert max(map(len, said.splitlines())) <= 100
    for word in ("freezesg", "parafaces_webtoon", "photo64", "seed=0", "--cfg job"):
        assert word in said
    assert not {"_target_", "_parafaces", "tuned"} & set(said.split())
