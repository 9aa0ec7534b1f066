"""All chance and all order of a run in one place."""

import os
import random
import warnings
from typing import Any

import lightning as L
import numpy as np
import torch

ON_A_GPU = (
    "the gradients of resampling, indexing and padding add up in any order",
    "cuDNN and cuBLAS choose among algorithms that round differently",
)


def everything(seed: int, *, deterministic: bool) -> None:
    """Seed Python, numpy and torch on every device; with ``deterministic``, fix orders too."""
    # What trains draws from generators of its own; this is for all else.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        L.seed_everything(seed, workers=True, verbose=False)
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as cuBLAS' manual asks for
    torch.use_deterministic_algorithms(deterministic)


def left_to_chance(device: torch.device, *, deterministic: bool) -> list[str]:
    """What may differ when the same command is run again on this device, in sentences."""
    return [] if deterministic or device.type == "cpu" else list(ON_A_GPU)


def state() -> dict[str, Any]:
    """Where all generators of the process stand, as tensors and plain numbers."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - other people's code draws from it
    version, words, spare = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "python": [version, torch.tensor(words, dtype=torch.int64), spare],
    }


def restore(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
    for index, one in enumerate(state["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(one, index)
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    version, words, spare = state["python"]
    random.setstate((version, tuple(words.tolist()), spare))
