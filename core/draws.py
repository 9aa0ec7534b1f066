"""Random numbers of a run, drawn on the device that needs them without waiting for it.
A run has one stream, a generator on the CPU. What the program decides by (a crossover, a coin) is
drawn from it and known at once. Tensors of numbers are drawn where they are used, by a generator of
that device which starts at a number of the stream: so the state of the stream, which a checkpoint
keeps, is all that there is, on every device.
"""

import torch
from torch import Tensor

from core.errors import UserError

CHOICES = ("device", "cpu")
_chosen = "device"


def choose(name: str) -> None:
    """Draw tensors on the ``device`` from now on, or on the ``cpu``: the same for all devices."""
    global _chosen
    if name not in CHOICES:
        raise UserError(f"machine.streams={name} is unknown; the choices are device, cpu.")
    _chosen = name


def place(device: torch.device) -> str:
    """The kind of device that numbers for this one are drawn on."""
    return device.type if _chosen == "device" else "cpu"


def randn(
    size: tuple[int, ...],
    generator: torch.Generator | None,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Standard normal numbers on a device, of a generator or (None) the device's own."""
    if generator is None:
        return torch.randn(size, dtype=dtype, device=device)
    if generator.device.type == "cpu" != place(device):
        generator = successor(generator, device)
    drawn = torch.randn(size, generator=generator, dtype=dtype, device=generator.device)
    return sent(drawn, device)


def successor(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """A generator of the device, seeded by the next number of one on the CPU."""
    seed = int(torch.randint(2**63 - 1, (), generator=generator))
    return torch.Generator(device).manual_seed(seed)


def sent(x: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device, which nobody waits for: a copy from pageable memory would."""
    if device.type == "cuda" and not x.is_cuda:
        return x.pin_memory().to(device, non_blocking=True)
    return x.to(device)
