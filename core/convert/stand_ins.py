"""The names that a checkpoint may use, the inert things that stand for them, and their tensors. A
stand-in remembers what it is called with; whether that is true is asked when numbers are taken from
it, which is also when memory is first needed.
"""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.convert.format import CheckpointError
from core.convert.restricted_unpickler import LONGEST_KEY, Entries, Limits, StandIn

DEEPEST = 16  # modules in modules; published networks have four
MOST_AXES = 8  # a filter has four, a published buffer five
MOST_NUMBERS = 2**40  # of a tensor, axes of length 0 counted as 1; beyond, products overflow
NUMBERS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


class Storage:
    """So many numbers in a file, if its pickle is right, read when they are first needed."""

    read: Callable[[], bytes]  # set by whoever knows where they are

    def __init__(self, dtype: torch.dtype, count: int) -> None:
        self.dtype, self.count = dtype, count

    @property
    def nbytes(self) -> int:
        return self.count * self.dtype.itemsize

    @cached_property
    def numbers(self) -> Tensor:
        """All of them [count], as the file has them."""
        raw = self.read()
        if len(raw) != self.nbytes:
            raise CheckpointError(f"a tensor has {len(raw)} bytes instead of {self.nbytes}")
        empty = torch.empty(0, dtype=self.dtype)
        return torch.frombuffer(bytearray(raw), dtype=self.dtype) if raw else empty


def storage_of(identity: Any, storages: dict[str, Storage]) -> Storage:
    """The storage of ``('storage', type, key, device, count)``, one a key; older files add None."""
    if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
        raise CheckpointError("its pickle refers to data outside itself")
    _, dtype, key, _, count, *view = identity
    if not isinstance(dtype, torch.dtype) or not isinstance(key, str):
        raise CheckpointError("a storage has no known type")
    if view not in ([], [None]) or _whole(count) < 0:
        raise CheckpointError("a storage has a size that cannot be")
    known = storages.setdefault(key, Storage(dtype, count))
    if (known.dtype, known.count) != (dtype, count):
        raise CheckpointError("a storage is described in two ways")
    return known


class TensorView:
    """A tensor as a pickle describes it, by the arguments of ``_rebuild_tensor_v2``."""

    def __init__(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> None:
        if not isinstance(storage, Storage):
            raise CheckpointError("a tensor has no numbers")
        if len(_shape(shape)) != len(_axes(strides)) or _whole(offset) < 0:
            raise CheckpointError("a tensor has a shape that cannot be")
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.storage.dtype.itemsize

    def tensor(self) -> Tensor:
        """A view of the storage; one that asks for more than it has is refused."""
        last = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        end = self.offset + last + 1 if self.nbytes else self.offset
        if max(end, math.prod(self.shape)) > self.storage.count:
            raise CheckpointError("a tensor claims more numbers than its storage has")
        return self.storage.numbers.as_strided(self.shape, self.strides, self.offset)


def parameter(tensor: Any, requires_grad: Any, hooks: Any) -> TensorView:
    if not isinstance(tensor, TensorView):
        raise CheckpointError("a parameter is no tensor")
    return tensor


class PersistentModule:
    """A module of NVIDIA's ``torch_utils.persistence``; its source is a text that nobody reads."""

    def __init__(self, meta: Any) -> None:
        if not isinstance(meta, dict) or not isinstance(meta.get("state"), dict):
            raise CheckpointError("a module has no state")
        self.state: dict[str, Any] = meta["state"]


class Dtype(StandIn):
    """numpy.dtype of plain numbers."""

    def __init__(self, code: Any, align: Any = False, copy: Any = True) -> None:
        if code not in NUMBERS:
            raise CheckpointError("an array has a type that is no plain number")
        self.code = code

    @property
    def numpy(self) -> np.dtype[Any]:
        """The real one; its state (version, order of bytes, ...) tells which byte is first."""
        big = isinstance(self.state, tuple) and self.state[1:2] == (">",)
        return np.dtype(f"{'>' if big else '<'}{self.code}")


class Array(StandIn):
    """numpy.ndarray; its state is (version, shape, dtype, column-wise, bytes)."""

    def __init__(self, kind: Any, shape: Any, code: Any) -> None:
        """The arguments are always ndarray, (0,) and b'b'; the state replaces them."""

    @property
    def nbytes(self) -> int:
        return len(self._numbers()[3])

    def tensor(self) -> Tensor:
        """A copy, so that it can be changed."""
        shape, dtype, by_columns, raw = self._numbers()
        if math.prod(_shape(shape)) * dtype.numpy.itemsize != len(raw):
            raise CheckpointError("an array has another number of bytes than its shape says")
        native = np.frombuffer(raw, dtype.numpy).astype(dtype.numpy.newbyteorder("="))
        return torch.from_numpy(native.reshape(shape, order="F" if by_columns else "C").copy())

    def _numbers(self) -> tuple[Any, Dtype, Any, bytes]:
        if not isinstance(self.state, tuple) or len(self.state) != 5:
            raise CheckpointError("an array has no numbers")
        _, shape, dtype, by_columns, raw = self.state
        if not isinstance(dtype, Dtype) or not isinstance(raw, bytes):
            raise CheckpointError("an array has no plain numbers")
        return shape, dtype, by_columns, raw


def scalar(dtype: Any, raw: Any) -> float | int:
    if not isinstance(dtype, Dtype) or not isinstance(raw, bytes):
        raise CheckpointError("a number has a type that cannot be")
    if len(raw) != dtype.numpy.itemsize:
        raise CheckpointError("a number has another length than its type")
    return np.frombuffer(raw, dtype.numpy)[0].item()


def encode(text: str, encoding: str) -> bytes:
    """_codecs.encode: bytes that protocol 2 has to write as text."""
    if encoding != "latin1":
        raise CheckpointError("bytes are written in an unknown way")
    return text.encode("latin1")


def _axes(axes: Any) -> tuple[int, ...]:
    usual = isinstance(axes, tuple) and len(axes) <= MOST_AXES
    if not usual or min(map(_whole, axes), default=0) < 0:
        raise CheckpointError("a tensor has a shape that cannot be")
    return axes


def _shape(shape: Any) -> tuple[int, ...]:
    _whole(math.prod(max(axis, 1) for axis in _axes(shape)))
    return shape


def _whole(number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) > MOST_NUMBERS:
        raise CheckpointError("a tensor has a size that cannot be")
    return number


# torch/_utils.py, torch/storage.py; how torch.save writes tensors, parameters and their types.
STORAGES = {"Float": torch.float32, "Double": torch.float64, "Half": torch.float16,
            "BFloat16": torch.bfloat16, "Long": torch.int64, "Int": torch.int32,
            "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
            "Bool": torch.bool}  # fmt: skip
MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")  # before numpy 2, and from it on
NAMES: dict[str, Any] = {  # a file's reader adds ``torch.storage._load_from_bytes``
    **{f"torch.{kind}Storage": dtype for kind, dtype in STORAGES.items()},
    **{f"{module}.scalar": scalar for module in MULTIARRAY},  # numpy's own reductions
    **{f"{module}._reconstruct": Array for module in MULTIARRAY},
    "numpy.dtype": Dtype,
    "numpy.ndarray": None,  # only an argument
    "torch._utils._rebuild_tensor_v2": TensorView,
    "torch._utils._rebuild_parameter": parameter,
    "collections.OrderedDict": Entries,
    "builtins.set": lambda members=(): (),  # protocol 3 and below; nothing that is read is a set
    "_codecs.encode": encode,
    "argparse.Namespace": StandIn,  # stylegan2-pytorch/train.py and DualStyleGAN save their words
    # stylegan2-ada-pytorch and stylegan3: torch_utils/persistence.py, dnnlib/util.py
    "torch_utils.persistence._reconstruct_persistent_obj": PersistentModule,
    "dnnlib.util.EasyDict": Entries,
    "dnnlib.tflib.network.Network": StandIn,  # stylegan2 (TensorFlow): dnnlib/tflib/network.py
}


class TensorReader:
    """Reads tensors, counting modules, names and bytes against the limits of the file."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def tensor(self, value: Any, name: str) -> Tensor:
        """The tensor that a stand-in describes."""
        if not isinstance(value, TensorView | Array):
            raise CheckpointError(f"entry {name[:80]!r} is no tensor")
        try:
            if len(name) > LONGEST_KEY:
                raise CheckpointError("its name is too long")
            self.limits.count_bytes(len(name) + value.nbytes)
            return value.tensor()
        except CheckpointError as error:
            raise CheckpointError(f"entry {name[:80]!r}: {error}") from error

    def state_dict(self, tree: Any, title: str) -> dict[str, Tensor]:
        """A state dict, without the prefix that data parallel training leaves."""
        if not isinstance(tree, dict):
            raise CheckpointError(f"entry {title!r} is no state dict")
        state = {name: self.tensor(value, name) for name, value in tree.items()}
        if state and all(name.startswith("module.") for name in state):
            state = {name.removeprefix("module."): value for name, value in state.items()}
        return state

    def module(self, module: PersistentModule, prefix: str = "") -> dict[str, Tensor]:
        """Parameters and buffers of a module and those in it; frozen layers have only buffers."""
        self.enter(prefix, ".")
        state = {}
        for kind in ("_parameters", "_buffers"):
            for name, value in _members(module, kind).items():
                if value is not None:
                    state[prefix + name] = self.tensor(value, prefix + name)
        for name, child in _members(module, "_modules").items():
            if isinstance(child, PersistentModule):
                state |= self.module(child, f"{prefix}{name}.")
            elif child is not None:
                raise CheckpointError(f"entry {(prefix + name)[:80]!r} is no module")
        return state

    def enter(self, prefix: str, separator: str) -> None:
        """Count one more module; one that lies in itself is refused."""
        self.limits.count_read()
        if prefix.count(separator) > DEEPEST:
            raise CheckpointError("its modules lie too deep in one another")


def _members(module: PersistentModule, kind: str) -> dict[str, Any]:
    members = module.state.get(kind, {})
    if not isinstance(members, dict):
        raise CheckpointError(f"a module's {kind} cannot be read")
    return members
