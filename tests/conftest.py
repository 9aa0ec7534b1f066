import os
from pathlib import Path

import pytest
import torch

from benchmarks.harness.config.compose import compose
from benchmarks.harness.io import machine

if not torch.cuda.is_available():  # before any kernel is defined
    os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _float32(monkeypatch):
    """Runs in this process compute in float32 unless told otherwise, whichever the processor."""
    monkeypatch.setattr(machine, "FLAGS", Path(os.devnull))


@pytest.fixture
def composed(tmp_path):
    """Composes a configuration of the real groups on the tiny source."""
    return lambda *words: compose(["source=tiny", "eval=smoke", f"folder={tmp_path}", *words]).cfg
