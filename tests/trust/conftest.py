import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from PIL import Image

from benchmarks import run

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def _quiet():
    """Lightning tells about every trainer; a failing test is easier to read without."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """A folder of five pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for i in range(5):
        pixels = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


@pytest.fixture
def words(root, tmp_path):
    """The words of a small run; more of them win."""

    def line(*more):
        return [
            "source=tiny", "method=finetune", "method.images=24", "method.batch_size=4",
            "eval=smoke", "eval.samples=30", "data=folder", f"data.root={root}", "data.shots=5",
            f"folder={tmp_path / 'results'}", *more,
        ]  # fmt: skip

    return line


@pytest.fixture
def styleshift(monkeypatch, capsys, words):
    """Runs the command line in this process: exit status, and all that it says in one line."""

    def call(*more):
        GlobalHydra.instance().clear()
        line = sorted(words(*more), key=lambda word: not word.startswith("-"))  # options first
        monkeypatch.setattr(sys, "argv", ["run.py", *line])
        try:
            run.main()
        except SystemExit as leaving:
            status = leaving.code
        else:
            status = 0
        said = capsys.readouterr()
        return status, " ".join((said.out + " " + said.err).split())

    return call


@pytest.fixture
def started(words):
    """Starts the command line as a process of its own; what is left running is ended."""
    processes = []

    def start(*more, **how):
        line = [sys.executable, "-m", "benchmarks.run", *words(*more)]
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(line, cwd=ROOT, **({"env": env} | pipe | how))
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()
