"""Linux, macOS and Windows: what only some of them have is hidden, and every command starts."""

import importlib
import subprocess
import sys

import pytest
import torch

from benchmarks.harness.training import memory
from core.paths import ROOT

WITHOUT = """
import importlib, os, signal, sys
for module in ("resource", "fcntl", "pwd", "termios", "grp", "tty", "pty", "readline"):
    sys.modules[module] = None
for name in ("HUP", "KILL", "TSTP", "ALRM", "QUIT", "USR1", "USR2", "CHLD", "CONT", "STOP", "PIPE"):
    delattr(signal, f"SIG{name}")
for name in ("fork", "killpg", "setsid", "sched_getaffinity", "posix_fallocate", "mkfifo"):
    delattr(os, name)
import multiprocessing
multiprocessing.get_all_start_methods = lambda: ["spawn"]
"""
ALL = "for name in sys.argv[1:]: importlib.import_module(f'benchmarks.{name}')\n"
SOME = """
from benchmarks import doctor, leaderboard, run, sweep
from benchmarks.harness.training import workers
assert workers.START == "spawn"
assert doctor.main([]) == 0
assert leaderboard.main(["--data", "parafaces_webtoon", "--metric", "kid"]) == 0
assert sweep.main(["--dry-run", "method=finetune", "seed=0"]) == 0
assert run.main(["method=finetune", "eval.samples=0"]) == 2
print("all of them")
"""


@pytest.mark.exhaustive  # every command in a process of its own
def test_all_commands_start_where_unix_is_missing():
    commands = sorted(path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py"))
    assert len(commands) > 12
    words = [sys.executable, "-W", "ignore", "-c", WITHOUT + ALL + SOME, *commands]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "all of them"


def test_memory_is_counted_in_the_units_of_the_system(monkeypatch):
    device, usual = torch.device("cpu"), memory.peak_bytes(torch.device("cpu"))
    try:
        monkeypatch.setattr(sys, "platform", "darwin")  # where it is counted in bytes
        assert importlib.reload(memory).peak_bytes(device) < usual / 500
        monkeypatch.setitem(sys.modules, "resource", None)
        assert importlib.reload(memory).peak_bytes(device) == 0
    finally:
        monkeypatch.undo()
        importlib.reload(memory)
    assert memory.peak_bytes(device) >= usual
