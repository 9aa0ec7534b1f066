"""The standard library's unpickler, cut down until a pickle can neither run nor cost anything:
instructions that checkpoints do not need are missing, keys are texts, and the reads of one file are
counted. ``pickle._Unpickler`` is the one written in Python, which joblib extends in the same way.
Torch's ``weights_only`` and the unpickler in C run nothing either, but hash any key (a tuple that
holds itself twice, sixty times over, takes them for ever), unpack compressed zips whole, or make a
memo as long as a pickle says (nine bytes for eight gigabytes).
"""

import pickle
import struct
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, ClassVar

from core.convert.format import CheckpointError

READS = 500_000  # of all pickles in a file, one to three an instruction; 1024 px need 90,000
COPIES = 5  # of a file's bytes: a tensor is read once and may be named often, as g and g_ema
LONGEST_KEY = 200  # characters; the longest published name of a tensor has about 60
LONGEST_LINE = 4096  # bytes; only names of modules and classes are written as lines

# What Python's pickler writes with protocols 2 to 5 for the objects of a checkpoint. Of older ones
# only Python 2's text. Missing: what runs more than REDUCE (INST, OBJ, EXT*, NEWOBJ_EX), whole
# numbers of any length, buffers that are made before they are read.
INSTRUCTIONS = b"".join([
    pickle.PROTO, pickle.STOP, pickle.MARK, pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE,
    pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1, pickle.BINFLOAT,
    pickle.SHORT_BINUNICODE, pickle.BINUNICODE, pickle.BINUNICODE8, pickle.SHORT_BINBYTES,
    pickle.BINBYTES, pickle.BINBYTES8, pickle.SHORT_BINSTRING, pickle.BINSTRING,
    pickle.EMPTY_TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3, pickle.TUPLE,
    pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.SETITEM, pickle.SETITEMS,
    pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE, pickle.BINGET, pickle.LONG_BINGET,
    pickle.GLOBAL, pickle.STACK_GLOBAL, pickle.REDUCE, pickle.BINPERSID,
])  # fmt: skip

# What the unpickler raises where a pickle is no pickle, or calls a stand-in with the wrong things.
DAMAGE = (pickle.UnpicklingError, EOFError, AttributeError, IndexError, TypeError, ValueError,
          OverflowError, struct.error)  # fmt: skip


class Limits:
    """What reading one file of so many bytes may still cost, whatever it says."""

    def __init__(self, size: int) -> None:
        self.reads, self.bytes = READS, COPIES * size

    def count_read(self) -> None:
        self.reads -= 1
        if self.reads < 0:
            raise CheckpointError("its pickle takes more steps than any checkpoint needs")

    def count_bytes(self, count: int) -> None:
        self.bytes -= count
        if self.bytes < 0:
            raise CheckpointError("its tensors are more than the file can hold")


class CountedReader:
    """A file as the unpickler may read it: counted, and nothing is made for bytes that it lacks."""

    def __init__(self, file: BinaryIO, size: int, limits: Limits) -> None:
        self.file, self.size, self.limits = file, size, limits

    def read(self, count: int) -> bytes:
        self.limits.count_read()
        if not 0 <= count <= self.size - self.file.tell():
            raise CheckpointError("it is truncated")
        return self.file.read(count)

    def readline(self) -> bytes:
        self.limits.count_read()
        return self.file.readline(LONGEST_LINE)

    def skip(self, count: int) -> int:
        """Go on by so many bytes, which must be there; where they begin."""
        start = self.file.tell()
        if not 0 <= count <= self.size - start:
            raise CheckpointError("it is truncated")
        return self.file.seek(count, 1) - count

    def read_at(self, start: int, count: int) -> bytes:
        """Bytes that were skipped."""
        self.limits.count_bytes(count)
        self.file.seek(start)
        return self.read(count)


class Entries(dict[str, Any]):
    """A dictionary as it is read: keys that are no texts (old optimisers') are dropped unhashed."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, str):
            return
        if len(key) > LONGEST_KEY:
            raise CheckpointError("its pickle has a key that is too long for a name")
        super().__setitem__(key, value)


class StandIn:
    """An object of which only the state matters, which is kept and never acted upon."""

    state: Any = None


def no_persistent(identity: Any) -> Any:
    """For pickles that refer to nothing outside themselves."""
    raise CheckpointError("its pickle refers to data outside itself")


class RestrictedUnpickler(pickle._Unpickler):
    """Builds plain values, :class:`Entries`, what a closed table has for ``module.name`` (a value,
    or what keeps what it is called with) and what ``persistent`` makes of identities.
    """

    stack: list[Any]  # the base class makes these when it begins
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        code: pickle._Unpickler.dispatch[code] for code in INSTRUCTIONS
    }
    # A new object is its stand-in called: only ``__init__`` refuses what does not belong in it.
    dispatch[pickle.NEWOBJ[0]] = pickle._Unpickler.dispatch[pickle.REDUCE[0]]
    # Sets are lists here: members that are never hashed cannot be chosen to collide.
    dispatch[pickle.EMPTY_SET[0]] = pickle._Unpickler.dispatch[pickle.EMPTY_LIST[0]]
    dispatch[pickle.ADDITEMS[0]] = pickle._Unpickler.dispatch[pickle.APPENDS[0]]
    dispatch[pickle.FROZENSET[0]] = pickle._Unpickler.dispatch[pickle.LIST[0]]

    def __init__(
        self, reader: CountedReader, names: Mapping[str, Any], persistent: Callable[[Any], Any]
    ) -> None:
        super().__init__(reader, encoding="latin1")  # of Python 2's text
        self.names, self.persistent = names, persistent

    def persistent_load(self, pid: Any) -> Any:
        return self.persistent(pid)

    def find_class(self, module: str, name: str) -> Any:
        title = f"{module}.{name}"
        if title not in self.names:
            raise CheckpointError(
                f"it asks for {shortened(title)}, which is not among the names a checkpoint may "
                "use; nothing of it was run"
            )
        return self.names[title]

    def load_frame(self) -> None:
        """Frames only say how much to read ahead, which is not done."""
        self.read(8)

    dispatch[pickle.FRAME[0]] = load_frame

    dispatch[pickle.EMPTY_DICT[0]] = lambda self: self.append(Entries())

    def load_build(self) -> None:
        """Python would call ``__setstate__`` or set attributes, of functions and classes too."""
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, StandIn):
            target.state = state
        elif not isinstance(target, Entries):  # those of OrderedDicts have been set already
            raise CheckpointError("its pickle changes something that has no state")

    dispatch[pickle.BUILD[0]] = load_build


def unpickle(
    reader: CountedReader,
    names: Mapping[str, Any],
    persistent: Callable[[Any], Any] = no_persistent,
) -> Any:
    """The value of the pickle at the reader's position, which moves behind it."""
    try:
        return RestrictedUnpickler(reader, names, persistent).load()
    except CheckpointError:
        raise
    except KeyError as error:
        raise CheckpointError("its pickle has an instruction that no checkpoint needs") from error
    except DAMAGE as error:
        reason = shortened(str(error)) or type(error).__name__
        raise CheckpointError(f"its pickle is damaged ({reason})") from error


def shortened(text: str) -> str:
    """At most eighty characters of what a file says, on one line."""
    text = text[:81].encode("unicode_escape", "backslashreplace").decode("ascii")
    return text if len(text) <= 80 else f"{text[:77]}..."
