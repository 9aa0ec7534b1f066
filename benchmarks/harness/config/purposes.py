"""What choices are for, and what papers call them; needs no Hydra, as tables do not."""

from functools import cache

import yaml

from core.paths import CONF


def purpose(group: str, choice: str) -> str:
    """What a choice is for (``conf/purposes.yaml``); empty for those that make a row."""
    return _table("purposes").get(group, {}).get(choice, "")


def names() -> dict[str, str]:
    """By the word of a method or data set, what papers call it (``conf/names.yaml``)."""
    return {word: name for group in _table("names").values() for word, name in group.items()}


@cache
def _table(name: str) -> dict[str, dict[str, str]]:
    return yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
