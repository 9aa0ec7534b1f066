"""Options are what constructors take: every value is held against the annotation it is meant for.
Bounds stand beside the number they bound, ``images: Annotated[int, Gt(0)]``.
"""

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError

from benchmarks.harness.config import targets
from benchmarks.harness.records import nested
from core.errors import UserError

PATHS = ("root", "reference_root", "photos_root", "folder", "cache", "weights")
"""Last words of options that are places: a folder may be named 2024."""
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
ANYTHING = "**"  # stands among the parameters of what takes any option
OBJECT = "is refused: {key} is a group of options"
WORDS = {
    **dict.fromkeys(("int_type", "int_from_float"), "must be a whole number"),
    "float_type": "is no number",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    **dict.fromkeys(("list_type", "tuple_type"), "must be a list, {key}=[...]"),
    **dict.fromkeys(("dict_type", "mapping_type"), "must be a group, {key}={{...}}"),
    "none_required": "must be null",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "literal_error": "must be {expected}",
    "finite_number": "is not a finite number",
}
"""What pydantic's kinds of errors mean for a word of the command line; others are of objects."""


def check(node: Any, key: str = "") -> None:
    """Refuse the first value in a resolved configuration that its constructor cannot mean."""
    for place, _, part in [(key, "", node), *nested.entries(node, key)]:
        if not isinstance(part, dict) or "_target_" not in part:
            continue
        hints = parameters(part["_target_"])
        for name, value in part.items():
            dotted = joined(place, name)
            if name.startswith("_"):
                continue
            if name not in hints and ANYTHING not in hints:
                raise UserError(f"There is no option {dotted!r}; {place} takes {', '.join(hints)}.")
            built = any(k == "_target_" for _, k, _ in nested.entries(value))
            if name in hints and not built:  # whose parts are for their own constructors to check
                check_value(value, hints[name], dotted)


def check_plain(plain: dict[str, Any], options: Mapping[str, Mapping[str, Any]]) -> None:
    """Hold the options that no constructor takes against annotations, by group."""
    for group, hints in options.items():
        node = plain[group] if group else plain
        if not isinstance(node, dict):
            raise UserError(f"{group}={node} {OBJECT.format(key=group)}.")
        for name, hint in hints.items():
            if name in node:
                check_value(node[name], hint, joined(group, name))


def joined(key: str, name: Any) -> str:
    return f"{key}.{name}" if key else str(name)


@cache
def parameters(target: str) -> dict[str, Any]:
    """Name and annotation of everything a class or function takes, bases behind ``**`` included."""
    called = targets.allowed("_target_", target)
    if hasattr(called, "_fields"):  # a named tuple
        return get_type_hints(called, include_extras=True)
    functions: list[Callable[..., Any]] = [called]
    if inspect.isclass(called):
        functions = [vars(cls)["__init__"] for cls in called.__mro__ if "__init__" in vars(cls)]
    known: dict[str, Any] = {}
    for function in functions:
        taken = inspect.signature(function).parameters.values()
        hints = get_type_hints(inspect.unwrap(function), include_extras=True)
        named = (p for p in taken if p.name != "self" and p.kind not in VARIADIC)
        known = {p.name: hints.get(p.name, Any) for p in named} | known
        if not any(p.kind is p.VAR_KEYWORD for p in taken):
            break
    else:
        known[ANYTHING] = Any
    return known


def check_value(value: Any, hint: Any, key: str) -> None:
    """Refuse a value that an annotation does not take; only a whole number stands for any."""
    if isinstance(value, int) and not isinstance(value, bool) and key.split(".")[-1] in PATHS:
        value = str(value)
    try:
        adapter = adapter_of(hint)
        if adapter is None:  # a class of ours that no plain value is
            raise UserError(f"{key}={value} {OBJECT.format(key=key)}.")
        adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        raise UserError(sentence(key, value, error)) from None


@cache
def adapter_of(hint: Any) -> TypeAdapter[Any] | None:
    """What holds plain values against an annotation; None where it names no plain kind at all."""
    if get_origin(hint) is Iterable:  # which pydantic would look at only when it is walked through
        hint = list[get_args(hint)[0]]  # type: ignore[misc]
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except (PydanticUserError, SchemaError):  # a protocol, or a dataclass, which has a target
        return None


def sentence(key: str, value: Any, error: ValidationError) -> str:
    reasons: dict[str, str] = {}
    for fault in error.errors():
        place = ".".join([key, *(str(i) for i in fault["loc"] if isinstance(i, int))])
        words = WORDS.get(fault["type"], OBJECT).format(key=key, **fault.get("ctx", {}))
        words = words.replace("'", "")  # choices are typed without them
        reasons.setdefault(words, f"{place}={fault['input']}")
    known = {words: at for words, at in reasons.items() if words != OBJECT.format(key=key)}
    chosen = known or reasons
    at = next(iter(chosen.values())) if len(chosen) == 1 else f"{key}={value}"
    return f"{at} {', or '.join(chosen)}."
