"""A pickle machine that cannot call anything: it builds plain values and inert stand-ins.

Python's own machine imports whatever a pickle names and calls it. This one knows a table of names;
each is answered by a stand-in that merely remembers what it was given, and any other name is
refused before anything else happens. Beyond that it bounds what a hostile file can cost: the steps
of all its pickles together, the size of every claim by what is left of the file, keys and numbers
by their length, and nothing is ever hashed but short keys.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from core.convert.format import CheckpointError

STEPS = 500_000  # of all pickles in a file; networks of 1024 px need about a fifth
LONGEST_KEY = 512
LONGEST_NUMBER = 16  # bytes of a whole number; the mark of torch's files has ten
LONGEST_LINE = 4096
SMALL = 2**20  # whole numbers below cannot be chosen so that a dictionary becomes slow
LARGE_KEY_STEPS = 250  # old optimisers have one such key a parameter, an address
MARK = object()


@dataclass(frozen=True, slots=True)
class Name:
    """A global that a pickle may name, and what is made of it when it is called."""

    title: str
    make: Callable[..., Any]


class StandIn:
    """What a pickle may give a state to; the state is kept, and never acted upon."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: Any = {}

    def accept(self, state: Any) -> None:
        """Keep a state."""
        self.state = state


class Budget:
    """The steps that the pickles of one file may still take."""

    def __init__(self, steps: int = STEPS) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Take steps."""
        self.left -= steps
        if self.left < 0:
            raise CheckpointError("its pickle takes more steps than any checkpoint needs")


class Window:
    """A file as the machine may read it: never more than there is, lines of bounded length."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size

    def tell(self) -> int:
        """Position in the file."""
        return self.file.tell()

    def skip(self, count: int) -> None:
        """Go on by so many bytes, which must be there."""
        if count < 0 or count > self.size - self.tell():
            raise CheckpointError("it is truncated")
        self.file.seek(count, 1)

    def read(self, count: int) -> bytes:
        """At most so many bytes; fewer at the end."""
        return self.file.read(max(min(count, self.size - self.tell()), 0))

    def readline(self) -> bytes:
        """A line; one without an end comes back without it, which the reader refuses."""
        return self.file.readline(LONGEST_LINE)


Persistent = Callable[[Any], Any]


def no_persistent(claim: Any) -> Any:
    """For pickles that refer to nothing outside themselves."""
    raise CheckpointError("its pickle refers to data outside itself")


def unpickle(
    window: Window,
    names: Mapping[str, Name],
    budget: Budget,
    persistent: Persistent = no_persistent,
) -> Any:
    """The value of the pickle at the window's position, which moves behind it.

    Args:
        window: the bytes.
        names: what the pickle may name, by ``module.name``; asked anew at each use.
        budget: steps, shared by all pickles of a file.
        persistent: what is made of a persistent identity.

    Raises:
        CheckpointError: for anything else than a well-formed pickle of these names.
    """
    machine = _Machine(names, budget, persistent)
    try:
        for code, argument, _ in pickletools.genops(window):  # type: ignore[arg-type]
            budget.spend()
            if code.name == "STOP":
                return machine.pop()
            machine.step(code.name, argument)
    except (ValueError, OverflowError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"its pickle is damaged ({_short(str(error))})") from error
    raise CheckpointError("its pickle has no end")


class _Machine:
    """Stack, memo and the meaning of each instruction."""

    def __init__(self, names: Mapping[str, Name], budget: Budget, persistent: Persistent) -> None:
        self.names, self.budget, self.persistent = names, budget, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, code: str, argument: Any) -> None:
        """Carry out one instruction."""
        if code in _VALUES:
            self.stack.append(_bounded(argument))
        elif code in _CONSTANTS:
            self.stack.append(_CONSTANTS[code]())
        elif code in _PUTS:
            self.memo[len(self.memo) if code == "MEMOIZE" else argument] = self.top()
        elif code in _GETS:
            if argument not in self.memo:
                raise CheckpointError("its pickle recalls what it never stored")
            self.stack.append(self.memo[argument])
        elif code in _TUPLES:
            self.stack.append(tuple(self.several(_TUPLES[code])))
        elif code in _ACTIONS:
            _ACTIONS[code](self, argument)
        elif code not in ("PROTO", "FRAME"):
            raise CheckpointError(f"its pickle uses {code}, which no checkpoint needs")

    def top(self) -> Any:
        """The last value, left where it is."""
        if not self.stack or self.stack[-1] is MARK:
            raise CheckpointError("its pickle takes a value that is not there")
        return self.stack[-1]

    def pop(self) -> Any:
        """The last value."""
        value = self.top()
        self.stack.pop()
        return value

    def several(self, count: int) -> list[Any]:
        """The last values, in order."""
        return [self.pop() for _ in range(count)][::-1]

    def marked(self) -> list[Any]:
        """The values above the last mark, which goes too."""
        values = []
        while self.stack and self.stack[-1] is not MARK:
            values.append(self.stack.pop())
        if not self.stack:
            raise CheckpointError("its pickle takes values from a mark that is not there")
        self.stack.pop()
        return values[::-1]

    def mark(self, _: Any) -> None:
        """Begin a group."""
        self.stack.append(MARK)

    def drop(self, _: Any) -> None:
        """Forget the last value, or the last mark."""
        if not self.stack:
            raise CheckpointError("its pickle takes a value that is not there")
        self.stack.pop()

    def group(self, _: Any) -> None:
        """A tuple of a group."""
        self.stack.append(tuple(self.marked()))

    def new_list(self, _: Any) -> None:
        """A list of a group."""
        self.stack.append(self.marked())

    def new_dict(self, _: Any) -> None:
        """A dictionary of a group."""
        pairs = self.marked()
        self.stack.append({})
        self._set(pairs)

    def append(self, _: Any) -> None:
        """One more entry of a list."""
        self._extend([self.pop()])

    def extend(self, _: Any) -> None:
        """More entries of a list."""
        self._extend(self.marked())

    def set_item(self, _: Any) -> None:
        """One more entry of a dictionary."""
        self._set(self.several(2))

    def set_items(self, _: Any) -> None:
        """More entries of a dictionary."""
        self._set(self.marked())

    def repeat(self, _: Any) -> None:
        """The last value once more."""
        self.stack.append(self.top())

    def name(self, argument: str) -> None:
        """A global, written as two lines."""
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def stacked_name(self, _: Any) -> None:
        """A global, taken from the stack."""
        module, name = self.several(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise CheckpointError("its pickle names a global by something that is no text")
        self._name(module, name)

    def call(self, _: Any) -> None:
        """What stands for the result of calling a global."""
        name, arguments = self.several(2)
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            raise CheckpointError("its pickle calls something that is no global")
        try:
            self.stack.append(name.make(*arguments))
        except TypeError as error:
            raise CheckpointError(f"its pickle misuses {name.title}") from error

    def build(self, _: Any) -> None:
        """A state for the last value: kept by stand-ins; what dictionaries get is not needed."""
        state = self.pop()
        target = self.top()
        if isinstance(target, StandIn):
            target.accept(state)
        elif not isinstance(target, dict):
            raise CheckpointError("its pickle changes something that has no state")

    def refer(self, _: Any) -> None:
        """Data outside the pickle."""
        self.stack.append(self.persistent(self.pop()))

    def _name(self, module: str, name: str) -> None:
        title = f"{module}.{name}"
        if title not in self.names:
            raise CheckpointError(
                f"it asks for {_short(title)}, which is not among the names a checkpoint may use; "
                "nothing of it was run"
            )
        self.stack.append(self.names[title])

    def _extend(self, values: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, list):
            raise CheckpointError("its pickle appends to something that is no list")
        target.extend(values)

    def _set(self, pairs: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, dict) or len(pairs) % 2:
            raise CheckpointError("its pickle sets entries of something that is no dictionary")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            self._check(key)
            target[key] = value

    def _check(self, key: Any) -> None:
        """Only keys that are cheap to hash; of numbers that can be made to collide, only some."""
        if isinstance(key, str | bytes) and len(key) > LONGEST_KEY:
            raise CheckpointError("its pickle has a key that is too long for a name")
        if key is not None and not isinstance(key, str | bytes | int):
            raise CheckpointError("its pickle has a key that is neither a name nor a whole number")
        if isinstance(key, int) and abs(key) >= SMALL:
            self.budget.spend(LARGE_KEY_STEPS)


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > 8 * LONGEST_NUMBER:
        raise CheckpointError("its pickle holds a number with more digits than any size has")
    return value


def _short(text: str) -> str:
    """At most eighty characters of what a file says, on one line."""
    text = text.encode("unicode_escape", "backslashreplace").decode("ascii")
    return text if len(text) <= 80 else f"{text[:77]}..."


_VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,  # nothing read here is a set: the members suffice, and are not hashed
}
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.drop,
    "POP_MARK": lambda machine, _: machine.marked().clear(),
    "DUP": _Machine.repeat,
    "TUPLE": _Machine.group,
    "LIST": _Machine.new_list,
    "FROZENSET": _Machine.new_list,
    "DICT": _Machine.new_dict,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.extend,
    "ADDITEMS": _Machine.extend,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.stacked_name,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.refer,
}
