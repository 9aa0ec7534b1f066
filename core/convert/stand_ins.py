"""The names that a checkpoint may use, and the inert things that stand for them.

Three tables: of stylegan2-ada-pytorch and stylegan3 (``NVIDIA``), of TensorFlow's StyleGAN2
(``TENSORFLOW``, which may hold arrays), and of torch's own files (``TORCH``). A stand-in remembers
claims; whether they are true is asked when numbers are taken from it (``Claim.tensor``,
``Array.tensor``), which is also where memory is first needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.convert.format import CheckpointError
from core.convert.machine import Name, StandIn

MOST_AXES = 8
STORAGES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}  # torch.FloatStorage, ...: each names a type of number
NUMBERS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


class Storage:
    """Numbers in a file, read when they are first needed.

    Attributes:
        dtype: of the numbers.
        count: how many the pickle says there are.
        fetch: gives their bytes; whoever has the file sets it.
    """

    __slots__ = ("_numbers", "count", "dtype", "fetch")

    def __init__(self, dtype: torch.dtype, count: int, fetch: Callable[[Storage], bytes]) -> None:
        self.dtype, self.count, self.fetch = dtype, count, fetch
        self._numbers: Tensor | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * self.dtype.itemsize

    def numbers(self) -> Tensor:
        """All of them [count], as the file has them."""
        if self._numbers is None:
            raw = self.fetch(self)
            if len(raw) != self.size:
                raise CheckpointError(f"a tensor has {len(raw)} bytes instead of {self.size}")
            self._numbers = torch.empty(0, dtype=self.dtype)
            if raw:
                self._numbers = torch.frombuffer(bytearray(raw), dtype=self.dtype)
        return self._numbers


class Claim:
    """A tensor as a pickle describes it."""

    __slots__ = ("offset", "shape", "storage", "strides")

    def __init__(self, storage: Any, offset: Any, shape: Any, strides: Any) -> None:
        if not isinstance(storage, Storage):
            raise CheckpointError("a tensor has no numbers")
        whole = (offset, *_axes(shape), *_axes(strides))
        if len(shape) != len(strides) or min(_whole(number) for number in whole) < 0:
            raise CheckpointError("a tensor has a shape that cannot be")
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    @property
    def count(self) -> int:
        """How many numbers the shape asks for."""
        return math.prod(self.shape)

    def tensor(self) -> Tensor:
        """A view of the storage; one that asks for more than it has is refused."""
        last = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        if self.count > self.storage.count or self.offset > self.storage.count:
            raise CheckpointError("a tensor claims more numbers than its storage has")
        if self.count and self.offset + last >= self.storage.count:
            raise CheckpointError("a tensor claims more numbers than its storage has")
        return self.storage.numbers().as_strided(self.shape, self.strides, self.offset)


class Persistent:
    """A module of torch_utils.persistence; its source stays a text that nobody reads."""

    __slots__ = ("state", "title")

    def __init__(self, meta: Any) -> None:
        if not isinstance(meta, dict) or not isinstance(meta.get("state"), dict):
            raise CheckpointError("a module has no state")
        self.state: dict[Any, Any] = meta["state"]
        self.title = meta.get("class_name")


class Bag(StandIn):
    """An object of which only the attributes matter."""

    __slots__ = ()


class Dtype(StandIn):
    """numpy.dtype of plain numbers."""

    __slots__ = ("code",)

    def __init__(self, code: Any, align: Any = False, copy: Any = True) -> None:
        super().__init__()
        if code not in NUMBERS:
            raise CheckpointError("an array has a type that is no plain number")
        self.code = code
        self.state = ()

    @property
    def numpy(self) -> np.dtype[Any]:
        """The real one; its state tells which byte is first."""
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "<"
        return np.dtype(f"{'>' if order == '>' else '<'}{self.code}")


class Text(StandIn):
    """_codecs.encode: bytes that an old protocol wrote as text."""

    __slots__ = ("text",)

    def __init__(self, text: Any, encoding: Any = "latin1") -> None:
        super().__init__()
        if not isinstance(text, str) or encoding != "latin1":
            raise CheckpointError("bytes are written in an unknown way")
        self.text = text


class Array(StandIn):
    """numpy.ndarray; its state is (version, shape, dtype, column-wise, bytes)."""

    __slots__ = ()

    def __init__(self, kind: Any, shape: Any, code: Any) -> None:
        super().__init__()

    def tensor(self) -> Tensor:
        """The numbers."""
        if not isinstance(self.state, tuple) or len(self.state) != 5:
            raise CheckpointError("an array has no numbers")
        _, shape, dtype, by_columns, raw = self.state
        if not isinstance(dtype, Dtype) or min(map(_whole, _axes(shape)), default=0) < 0:
            raise CheckpointError("an array has a shape or type that cannot be")
        data, kind = _bytes(raw), dtype.numpy
        if math.prod(shape) * kind.itemsize != len(data):
            raise CheckpointError("an array has another number of bytes than its shape says")
        found = np.frombuffer(data, kind).astype(kind.newbyteorder("="))
        if found.dtype in (np.uint16, np.uint32, np.uint64):
            found = found.astype(np.int64)
        return torch.from_numpy(found.reshape(shape, order="F" if by_columns else "C").copy())


def scalar(dtype: Any, raw: Any) -> float | int:
    """A scalar of numpy as a plain number."""
    if not isinstance(dtype, Dtype):
        raise CheckpointError("a number has a type that cannot be")
    data = _bytes(raw)
    if len(data) != dtype.numpy.itemsize:
        raise CheckpointError("a number has another length than its type")
    return np.frombuffer(data, dtype.numpy)[0].item()


def empty_dict() -> dict[Any, Any]:
    """OrderedDict and EasyDict, which are filled later."""
    return {}


def ignored(members: Any = ()) -> tuple[()]:
    """A set: nothing that is read here is one."""
    return ()


def rebuilt(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, extra: Any = None
) -> Claim:
    """torch._utils._rebuild_tensor_v2."""
    return Claim(storage, offset, shape, strides)


def parameter(tensor: Any, grad: Any, hooks: Any) -> Claim:
    """torch._utils._rebuild_parameter."""
    if not isinstance(tensor, Claim):
        raise CheckpointError("a parameter is no tensor")
    return tensor


def never() -> None:
    """What is only named, not called."""
    raise TypeError


def stored(claim: Any, fetch: Callable[[Storage], bytes]) -> tuple[str, Storage]:
    """Key and storage of a persistent identity, ('storage', type, key, device, count[, view])."""
    known = {f"torch.{name}Storage": dtype for name, dtype in STORAGES.items()}
    if not isinstance(claim, tuple) or len(claim) not in (5, 6) or claim[0] != "storage":
        raise CheckpointError("its pickle refers to data outside itself")
    kind, key, _, count, *view = claim[1:]
    if not isinstance(kind, Name) or kind.title not in known or not isinstance(key, str):
        raise CheckpointError("a storage has no known type")
    if view not in ([], [None]) or _whole(count) < 0:
        raise CheckpointError("a storage has a size that cannot be")
    return key, Storage(known[kind.title], count, fetch)


def _axes(shape: Any) -> tuple[Any, ...]:
    if not isinstance(shape, tuple) or len(shape) > MOST_AXES:
        raise CheckpointError("a tensor has a shape that cannot be")
    return shape


def _whole(number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) >= 2**48:
        raise CheckpointError("a tensor has a size that cannot be")
    return number


def _bytes(raw: Any) -> bytes:
    if isinstance(raw, Text):
        try:
            return raw.text.encode("latin1")
        except UnicodeEncodeError as error:
            raise CheckpointError("bytes are written in an unknown way") from error
    if not isinstance(raw, bytes):
        raise CheckpointError("an array has no bytes")
    return raw


def table(makers: dict[str, Callable[..., Any]]) -> dict[str, Name]:
    """Names by title."""
    return {title: Name(title, make) for title, make in makers.items()}


TORCH = table(
    {
        "collections.OrderedDict": empty_dict,
        "argparse.Namespace": Bag,
        "torch._utils._rebuild_tensor_v2": rebuilt,
        "torch._utils._rebuild_parameter": parameter,
        **{f"torch.{name}Storage": never for name in STORAGES},
    }
)
_NUMPY: dict[str, Callable[..., Any]] = {
    "numpy.dtype": Dtype,
    "numpy.core.multiarray.scalar": scalar,
    "numpy._core.multiarray.scalar": scalar,
}
NVIDIA = table(
    {
        "torch_utils.persistence._reconstruct_persistent_obj": Persistent,
        "dnnlib.util.EasyDict": empty_dict,
        "collections.OrderedDict": empty_dict,
        "builtins.set": ignored,
        "torch._utils._rebuild_tensor_v2": rebuilt,
        "torch._utils._rebuild_parameter": parameter,
        **_NUMPY,
    }
)  # and torch.storage._load_from_bytes, which the reader of the file adds
TENSORFLOW = table(
    {
        "dnnlib.tflib.network.Network": Bag,
        "dnnlib.util.EasyDict": empty_dict,
        "collections.OrderedDict": empty_dict,
        "numpy.ndarray": never,
        "numpy.core.multiarray._reconstruct": Array,
        "numpy._core.multiarray._reconstruct": Array,
        "_codecs.encode": Text,
        **_NUMPY,
    }
)
