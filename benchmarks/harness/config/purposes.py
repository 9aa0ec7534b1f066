"""What methods and data are for that make no row of a table; needs no Hydra, as tables do not."""

from functools import cache

import yaml

from core.paths import CONF


def purpose(group: str, choice: str) -> str:
    """What a choice is for (``conf/purposes.yaml``); empty for those that make a row."""
    return _purposes().get(group, {}).get(choice, "")


@cache
def _purposes() -> dict[str, dict[str, str]]:
    return yaml.safe_load((CONF / "purposes.yaml").read_text(encoding="utf-8"))
