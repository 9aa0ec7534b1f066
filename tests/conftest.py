import os

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from core import paths

if not torch.cuda.is_available():  # before any kernel is defined
    os.environ["TRITON_INTERPRET"] = "1"

CONF = str(paths.CONF)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def composed(tmp_path):
    """Composes a configuration of the real groups on the tiny source."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(CONF, version_base="1.3"):
        yield lambda *words: compose(
            "config", ["source=tiny", "eval=smoke", f"folder={tmp_path}", *words]
        )
