"""Options are what constructors take: every value is held against the annotation it is meant for.
Bounds stand beside the number they bound, ``images: Annotated[int, Gt(0)]``.
"""

import inspect
import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError
from typing_extensions import is_typeddict

from benchmarks.harness.config import targets
from benchmarks.harness.records import nested
from core.errors import UserError

PATHS = ("root", "reference_root", "photos_root", "folder", "cache", "weights", "discriminator")
"""Last words of options that are places: a folder may be named 2024."""
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
ANYTHING = "**"  # stands among the parameters of what takes any option
NEEDED = inspect.Parameter.empty  # in place of a default
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


def check(node: Any, key: str = "", referring: Container[str] = ()) -> None:
    """Refuse a value in a resolved configuration that its constructor cannot mean: of several the
    first, but rather one that was typed than one that is ``referring`` to it.
    """
    wrong = list(faults(node, key))
    if wrong:
        raise UserError(min(wrong, key=lambda fault: fault[0] in referring)[1])


def faults(node: Any, key: str) -> Iterator[tuple[str, str]]:
    """Option and sentence of everything in a configuration that a constructor cannot mean."""
    for place, _, part in [(key, "", node), *nested.entries(node, key)]:
        if not isinstance(part, dict) or "_target_" not in part:
            continue
        hints = parameters(part["_target_"])
        for name, value in part.items():
            dotted = joined(place, name)
            if name.startswith("_"):
                continue
            if name not in hints and ANYTHING not in hints:
                takes = ", ".join(hints) or "none"
                yield dotted, f"There is no option {dotted!r}; {place} takes {takes}."
            elif name in hints:
                try:
                    check_part(value, hints[name], dotted)
                except UserError as error:
                    yield dotted, str(error)
        if not part.get("_partial_"):  # else some come later
            for name in sorted(needed(part["_target_"]) - part.keys()):
                yield joined(place, name), f"{joined(place, name)} must be given."


def check_part(value: Any, hint: Any, key: str) -> None:
    """Refuse a value or an object that an option does not take; an object checks its own parts."""
    if isinstance(value, dict) and "_target_" in value:
        made = made_by(value["_target_"])
        partial = get_origin(hint) is Callable and value.get("_partial_")
        wanted = classes(get_args(hint)[1] if partial else hint)
        if made and wanted and not issubclass(made, wanted):
            names = " or ".join(cls.__name__ for cls in wanted)
            raise UserError(f"{key}={value['_target_']} is no {names}.")
    elif not any(name == "_target_" for _, name, _ in nested.entries(value)):
        check_value(value, hint, key)


def classes(hint: Any) -> tuple[type, ...]:
    """Those that an annotation names; none where one of them is known by what it does alone."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    parts = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    vague = any(
        part is Any or not inspect.isclass(part) or getattr(part, "_is_protocol", False)
        for part in parts
    )
    return () if vague else parts


def made_by(target: str) -> type | None:
    """The class of what a class or function makes, where it says so."""
    if target in targets.FOREIGN:
        return None
    called = targets.allowed("_target_", target)
    made = called if inspect.isclass(called) else get_type_hints(called).get("return")
    return made if inspect.isclass(made) else None


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
    return {name: hint for name, (hint, _) in taken(target).items()}


@cache
def needed(target: str) -> frozenset[str]:
    """Names of what it cannot do without."""
    return frozenset(name for name, (_, default) in taken(target).items() if default is NEEDED)


def taken(target: str) -> dict[str, tuple[Any, Any]]:
    """Annotation and default of everything that a class or function takes."""
    if target in targets.FOREIGN:
        return {name: (hint, None) for name, hint in targets.FOREIGN[target].items()}
    called = targets.allowed("_target_", target)
    if hasattr(called, "_fields"):  # a named tuple
        hints = get_type_hints(called, include_extras=True)
        defaults = dict.fromkeys(hints, NEEDED) | called._field_defaults
        return {name: (hint, defaults[name]) for name, hint in hints.items()}
    functions: list[Callable[..., Any]] = [called]
    if inspect.isclass(called):
        functions = [vars(cls)["__init__"] for cls in called.__mro__ if "__init__" in vars(cls)]
    known: dict[str, tuple[Any, Any]] = {}
    for function in functions:
        own = inspect.signature(function).parameters.values()
        hints = get_type_hints(inspect.unwrap(function), include_extras=True)
        named = (p for p in own if p.name != "self" and p.kind not in VARIADIC)
        known = {p.name: (hints.get(p.name, Any), p.default) for p in named} | known
        if not any(p.kind is p.VAR_KEYWORD for p in own):
            break
    else:
        known[ANYTHING] = Any, None
    return known


def check_value(value: Any, hint: Any, key: str) -> None:
    """Refuse a value that an annotation does not take; only a whole number stands for any."""
    if isinstance(value, int) and not isinstance(value, bool) and key.split(".")[-1] in PATHS:
        value = str(value)
    if hint is str and not isinstance(value, str) and key.split(".")[-1] in PATHS:
        raise UserError(f"{key}={value} must be a text; write \"{key}='...'\".")
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
    usual = None if is_typeddict(hint) else ConfigDict(arbitrary_types_allowed=True)
    try:
        return TypeAdapter(hint, config=usual)
    except (PydanticUserError, SchemaError):  # a protocol, or a dataclass, which has a target
        return None


def sentence(key: str, value: Any, error: ValidationError) -> str:
    """What is wrong with the innermost part that a fault is of, be it its kind or its size."""
    faults = [(walked(value, fault["loc"]), fault) for fault in error.errors()]
    deepest = max(len(place) for place, _ in faults)
    faults = [(place, fault) for place, fault in faults if len(place) == deepest]
    sized = [(place, fault) for place, fault in faults if not fault["type"].endswith("_type")]
    reasons: dict[str, str] = {}
    for place, fault in sized or faults:
        words = WORDS.get(fault["type"], OBJECT).format(key=key, **fault.get("ctx", {}))
        words = words.replace("'", "")  # choices are typed without them
        reasons.setdefault(words, ".".join([key, *place]) + f"={fault['input']}")
    known = {words: at for words, at in reasons.items() if words != OBJECT.format(key=key)}
    chosen = known or reasons
    at = next(iter(chosen.values())) if len(chosen) == 1 else f"{key}={value}"
    return f"{at} {', or '.join(chosen)}."


def walked(value: Any, steps: Iterable[int | str]) -> list[str]:
    """The steps into a value, without names of pydantic's own."""
    path = []
    for step in steps:
        if (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int)
        ):
            value = value[step]  # type: ignore[index]
            path.append(str(step))
    return path
