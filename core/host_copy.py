"""A number that lives on a device, known to the CPU without waiting for the device every time."""

from typing import Any

import torch
from torch import Tensor


class HostCopy:
    """The value of a scalar buffer, read from its device only after somebody else wrote it."""

    def __init__(self) -> None:
        self._known: tuple[Tensor | None, int, float] = (None, -1, 0.0)
        self._under_way: tuple[Tensor, int, Tensor, Any] | None = None

    def read(self, buffer: Tensor) -> float:
        """Its value, exactly."""
        known, version, _ = self._known
        if buffer is not known or buffer._version != version:  # moved, or written in place
            self.note(buffer, self._arrived(buffer).item())
        return self._known[2]

    def note(self, buffer: Tensor, value: float) -> None:
        """Say what the buffer holds after one has written it oneself."""
        self._known = (buffer, buffer._version, value)

    def send(self, buffer: Tensor) -> None:
        """Begin to copy what the device has just been told to write. :meth:`read` then waits for no
        more than that, while the device goes on with what it was given since.
        """
        if buffer.is_cuda:
            host = torch.empty(buffer.shape, dtype=buffer.dtype, pin_memory=True)
            event = torch.cuda.Event()
            host.copy_(buffer, non_blocking=True)
            event.record()
            self._under_way = buffer, buffer._version, host, event

    def _arrived(self, buffer: Tensor) -> Tensor:
        """Its value on the CPU if that is under way, else the buffer itself."""
        sent, self._under_way = self._under_way, None
        if sent is None or sent[0] is not buffer or sent[1] != buffer._version:
            return buffer
        sent[3].synchronize()
        return sent[2]
