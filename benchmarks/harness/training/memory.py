"""How much memory a process held at most."""

import sys

import torch

try:
    import resource
except ImportError:  # Windows keeps no such count
    resource = None  # type: ignore[assignment]

UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of one ru_maxrss, see getrusage(2)


def peak_bytes(device: torch.device) -> int:
    """Most memory held so far: of the GPU where there is one, else of this process; 0: unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT if resource else 0
