"""Training steps on a CUDA device that is not there: torch's fake tensors know device and shape of
everything, and nothing else, so whoever asks for a number is found out.
"""

from types import SimpleNamespace

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from core import draws
from core.optim import fuse

GPU = torch.device("cuda", 0)
aten = torch.ops.aten
ASKING = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten.is_nonzero,
          aten._unique2, aten.bincount, aten.repeat_interleave}  # fmt: skip
COPYING = {aten._to_copy, aten.copy_}


class Waits(TorchDispatchMode):
    """Writes down each operation for which the host would wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.found, self.pinned = [], []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        kind = func.overloadpacket
        if kind in ASKING and any(t.is_cuda for t in tensors):
            self.found.append(f"{func}")
        if kind is aten._local_scalar_dense:
            return 0  # whatever it is
        masks = (torch.bool, torch.uint8)
        if kind in (aten.index, aten.index_put_) and any(t.dtype in masks for t in tensors[1:]):
            self.found.append(f"{func} with a mask")
        out = func(*args, **kwargs)
        if kind in COPYING:
            there, here = (args[0], args[1]) if kind is aten.copy_ else (out, args[0])
            free = kwargs.get("non_blocking") and any(here is tensor for tensor in self.pinned)
            if there.is_cuda != here.is_cuda and not free:
                self.found.append(f"{func} of {tuple(here.shape)} from {here.device}")
        elif any(t.is_cuda for t in tensors) and any(not t.is_cuda and t.ndim for t in tensors):
            self.found.append(f"{func} of tensors on both")
        return out


def backward(adapter):
    """Gradients of the right shapes: torch's own engine asks the driver for a stream."""
    for p in adapter.parameters():
        p.grad = torch.empty_like(p) if p.requires_grad else None


def gradients(outputs, inputs, *args, **kwargs):
    return [torch.empty_like(one) for one in (inputs if isinstance(inputs, list) else [inputs])]


def waits_of(adapter, batch, steps, monkeypatch):
    """What some training steps of an adapter would wait for, after a first one that warms up."""
    mode, waits, drawn = FakeTensorMode(allow_non_fake_inputs=True), Waits(), []

    def randn(size, generator, device, dtype=torch.float32):  # there is no generator of that device
        assert generator.device.type == "cpu"
        drawn.append(device)
        return torch.randn(size, dtype=dtype, device=device)

    monkeypatch.setattr(draws, "randn", randn)
    monkeypatch.setattr(torch.autograd, "grad", gradients)

    def pinned(x):  # which fake tensors cannot be
        waits.pinned.append(x)
        return x

    monkeypatch.setattr(torch.Tensor, "pin_memory", pinned)
    with mode:
        for module in adapter.modules():
            for name, p in module._parameters.items():
                if p is not None:
                    module._parameters[name] = torch.nn.Parameter(p.to(GPU), p.requires_grad)
            for name, buffer in module._buffers.items():
                module._buffers[name] = None if buffer is None else buffer.to(GPU)
        adapter._device = GPU
        optimisers = adapter.configure_optimizers()
        for optimiser in optimisers:
            fuse(optimiser)
        adapter._trainer = SimpleNamespace(optimizers=optimisers)
        adapter.optimizers = lambda: optimisers if len(optimisers) > 1 else optimisers[0]
        adapter.manual_backward = lambda loss: backward(adapter)
        images, ids = (t.to(GPU) for t in batch)
        with waits:
            adapter.training_step((images, ids), 0)
            waits.found.clear()
            for step in range(1, steps + 1):
                adapter.training_step((images, ids), step)
    assert drawn
    assert {device.type for device in drawn} == {"cuda"}
    return waits.found
