"""What a configuration takes from variables of the environment, ``${oc.env:NAME}``: it is used, and
never written down, for it may be a secret. Numbers are none, and a record without them would not
say what was run.
"""

from typing import Any, NamedTuple

from omegaconf import OmegaConf

from benchmarks.harness.records import nested

VARIABLE = "${oc.env:"
TOKEN = "\x00{}\x00"  # stands for a text, also where others are made of it


def is_taken(value: Any) -> bool:
    return isinstance(value, str) and VARIABLE in value.replace(" ", "")


def with_numbers(unresolved: dict[str, Any]) -> dict[str, Any]:
    """A configuration in which decoded variables that are numbers are these numbers."""

    def number(_: str, value: Any) -> Any:
        if not is_taken(value):
            return value
        says = OmegaConf.create({"value": value})
        return value if isinstance(says.value, str) else says.value

    return nested.changed(unresolved, number)


class Named(NamedTuple):
    """A configuration with tokens for the texts that hold variables, and these texts."""

    node: dict[str, Any]
    texts: list[str]

    def restored(self, resolved: dict[str, Any]) -> dict[str, Any]:
        """The configuration, resolved by now, with the texts as they were typed."""

        def text(_: str, value: Any) -> Any:
            for index, typed in enumerate(self.texts if isinstance(value, str) else ()):
                value = value.replace(TOKEN.format(index), typed)
            return value

        return nested.changed(resolved, text)


def named(unresolved: dict[str, Any]) -> Named:
    texts: list[str] = []

    def token(_: str, value: Any) -> Any:
        if not is_taken(value):
            return value
        texts.append(value)
        return TOKEN.format(len(texts) - 1)

    return Named(nested.changed(unresolved, token), texts)
