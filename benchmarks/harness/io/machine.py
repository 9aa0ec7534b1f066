"""What this machine has, said without importing torch unless there is a GPU to ask about."""

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from core.errors import UserError

PACKAGES = ("torch", "torchvision", "triton", "lightning", "timm", "hydra-core", "safetensors")
DRIVER = Path("/proc/driver/nvidia/version")  # of Linux; elsewhere torch has to be asked
FLAGS = Path("/proc/cpuinfo")


def versions() -> dict[str, str]:
    """Version of Python and of the packages that matter."""
    numbers = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            numbers[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            numbers[package] = "not installed"
    return numbers


def devices() -> dict[str, str]:
    """What a run can be placed on, and the operators that it then has."""
    vectors = f", {vector_unit()}" if vector_unit() else ""
    here = {"cpu": f"{platform.processor() or platform.machine()}{vectors}, {cores()} cores"}
    if not DRIVER.exists() and platform.system() == "Linux":  # no driver to find a device by
        return here | {"cuda": "no driver", "operators": "torch (the kernels are for CUDA devices)"}
    import torch  # two seconds, paid only where it is the one that knows

    from core import ops

    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        here[f"cuda:{index}"] = f"{about.name}, {about.total_memory / 2**30:.0f} GiB"
    if not torch.cuda.is_available():
        built = torch.version.cuda
        here["cuda"] = f"no device; torch is built for CUDA {built}" if built else "not in torch"
    active = ops.active(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    return here | {"operators": f"{active.name} ({active.reason})"}


def cores() -> int:
    """Those that this process may use, where the system says it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def vector_unit() -> str:
    """The widest vectors of the CPU that torch has code for, or nothing."""
    flags = FLAGS.read_text(encoding="utf-8") if FLAGS.exists() else ""
    widest = (name for name, flag in (("AVX512", "avx512f"), ("AVX2", "avx2")) if flag in flags)
    return next(widest, "")


def require_gpus(wanted: Sequence[str]) -> None:
    """Refuse GPUs that are not here; names that are no numbers are the driver's to know."""
    here = [name.partition(":")[2] for name in devices() if name.startswith("cuda:")]
    numbered = {gpu for gpu in wanted if gpu.isdigit() and "CUDA_VISIBLE_DEVICES" not in os.environ}
    if not here or not numbered <= {*here}:
        there = f"its GPUs are {', '.join(here)}" if here else "it has no GPU that torch sees"
        raise UserError(f"--gpus {','.join(wanted)} cannot be had on this machine: {there}.")
