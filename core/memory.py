"""How many pictures are worked on side by side: memory goes by their pixels."""

import torch

PIXELS = 4 * 256**2  # a training step of config-e holds 1.6 GiB for each picture of 256 px
FOR = 8 * 2**30  # bytes of memory that this many pixels are meant for


def at_once(resolution: int, device: torch.device, *, most: int) -> int:
    """As many pictures of a resolution as memory allows, at most ``most``: 64 of 64 px, 4 of
    256 px, one of more; of a GPU's memory in proportion.
    """
    pixels = PIXELS
    if device.type == "cuda":
        pixels *= max(1, torch.cuda.get_device_properties(device).total_memory // FOR)
    return max(1, min(most, pixels // resolution**2))
