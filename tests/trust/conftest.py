import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from benchmarks import run
from core.paths import ROOT


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
            "machine.precision=32-true",  # in other processes too, whichever the processor
            "source=tiny", "method=finetune", "method.images=24", "method.batch_size=4",
            "eval=smoke", "eval.samples=30", "data=folder", f"data.root={root}", "data.shots=5",
            f"folder={tmp_path / 'results'}", *more,
        ]  # fmt: skip

    return line


@pytest.fixture
def styleshift(capsys, words):
    """Runs the command line in this process: exit status, and all that it says in one line."""

    def call(*more):
        status = run.main(words(*more))
        said = capsys.readouterr()
        return status, " ".join((said.out + " " + said.err).split())

    return call


@pytest.fixture
def started(words):
    """Starts the command line as a process of its own; what is left of it and its own is ended."""
    processes = []

    def start(*more, **how):
        line = [sys.executable, "-m", "benchmarks.run", *words(*more)]
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        how = {"env": env, "start_new_session": True} | pipe | how
        process = subprocess.Popen(line, cwd=ROOT, **how)
        processes.append(process)
        return process

    yield start
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=60)


@pytest.fixture
def once_there(tmp_path):
    """Does something, in a thread, as soon as the run has written a checkpoint."""
    threads = []

    def begin(act, seconds=300):
        def wait():
            deadline = time.monotonic() + seconds
            while not list(tmp_path.glob("results/out/*/checkpoint-*.pt")):
                if time.monotonic() > deadline:
                    return
                time.sleep(0.02)
            act()

        threads.append(threading.Thread(target=wait, daemon=True))
        threads[-1].start()

    yield begin
    for thread in threads:
        thread.join(timeout=10)
