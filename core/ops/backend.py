"""Which implementation of the operators runs; what is chosen by name and cannot run is an error."""

import importlib.util
import os
import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import UserError

CHOICES = ("auto", "torch", "triton")
_chosen = "auto"
_warned = False


class Active(NamedTuple):
    """The implementation that runs on a device, and why."""

    name: str
    reason: str


def choose(name: str) -> None:
    """Take ``auto``, ``torch`` or ``triton`` from now on, in this process."""
    global _chosen
    if name not in CHOICES:
        raise UserError(f"machine.ops={name} is unknown; the choices are {', '.join(CHOICES)}.")
    if name == "triton" and not installed():
        raise UserError("machine.ops=triton cannot run: the package triton is not installed.")
    _chosen = name


def active(device: torch.device) -> Active:
    if _chosen != "auto":
        how = f", {_able(device)}" if _chosen == "triton" else ""
        return Active(_chosen, f"chosen by name{how}")
    if device.type != "cuda":
        return Active("torch", f"auto: the kernels are for CUDA devices, this is {device.type}")
    if not installed():
        return Active("torch", "auto: the package triton is not installed")
    return Active("triton", "auto: a CUDA device, and triton is installed")


def kernels(x: Tensor) -> bool:
    """Whether the operator on x runs in a Triton kernel."""
    global _warned
    if _chosen == "torch" or (_chosen == "auto" and not x.is_cuda):
        return False
    if _chosen == "triton":
        _able(x.device)
        return True
    if not installed() and not _warned:
        _warned = True
        warnings.warn(f"Operators run in plain torch: {active(x.device).reason}.", stacklevel=3)
    return installed()


def installed() -> bool:
    """Whether triton can be imported; it comes with torch where there are GPUs."""
    return importlib.util.find_spec("triton") is not None


def _able(device: torch.device) -> str:
    if os.environ.get("TRITON_INTERPRET") == "1":  # on any device and slowly: for tests
        return "in Triton's interpreter"
    if device.type != "cuda":
        raise UserError(f"machine.ops=triton needs a CUDA device, the tensors are on {device}.")
    return "a CUDA device"
