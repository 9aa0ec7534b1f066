"""What this machine has, said without importing torch unless there is a GPU to ask about."""

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from core.errors import UserError

PACKAGES = ("torch", "torchvision", "triton", "lightning", "timm", "hydra-core", "safetensors")
DRIVER = Path("/proc/driver/nvidia/version")  # of Linux; elsewhere torch has to be asked
FLAGS = Path("/proc/cpuinfo")


class Device(NamedTuple):
    """What a run is placed on where nobody says it."""

    kind: str  # cpu, gpu (of CUDA) or mps, as Lightning's accelerators are called
    devices: int
    reason: str
    bf16: bool  # whether products of bfloat16 are quicker than of float32


@cache
def best() -> Device:
    """A CUDA device where there is one, else Apple's, else the CPU."""
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        missing = lacking_on_mps()
        return of_cpu(missing) if missing else Device("mps", 1, "an Apple GPU", bf16=False)
    if platform.system() == "Linux" and not DRIVER.exists():  # no driver to find a device by
        return of_cpu("no NVIDIA driver")
    import torch  # two seconds, paid only where it is the one that knows

    if not torch.cuda.is_available():
        return of_cpu(no_cuda(torch.version.cuda))
    name, count = torch.cuda.get_device_name(), torch.cuda.device_count()
    # From Ampere on; torch would emulate it on older cards.
    return Device("gpu", count, name, bf16=torch.cuda.get_device_capability() >= (8, 0))


def of_cpu(reason: str) -> Device:
    flags = FLAGS.read_text(encoding="utf-8") if FLAGS.exists() else ""
    bf16 = any(flag in flags for flag in ("avx512_bf16", "amx_bf16"))
    return Device("cpu", cores(), reason, bf16=bf16)


def lacking_on_mps() -> str:
    """Why nothing is trained on Apple's GPU, by what StyleGAN2's penalties ask for; or nothing."""
    import torch
    import torch.nn.functional as F

    try:
        for convolution in (F.conv2d, F.conv_transpose2d):
            x = torch.ones(1, 4, 8, 8, device="mps", requires_grad=True)
            y = convolution(x, torch.ones(4, 4, 3, 3, device="mps", requires_grad=True))
            (gradient,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
            gradient.square().sum().backward()  # differentiated twice
    except (RuntimeError, NotImplementedError) as error:
        return f"no use of MPS: {' '.join(str(error).split())[:100]}"
    return ""


def no_cuda(built: str | None) -> str:
    return f"no device; torch is built for CUDA {built}" if built else "not in torch"


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
        here["cuda"] = no_cuda(torch.version.cuda)
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
