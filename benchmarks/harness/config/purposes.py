"""What methods and data are for that make no row of a table (``conf/purposes.yaml``)."""

from __future__ import annotations

from functools import cache

import yaml

from core.paths import CONF


def purpose(group: str, choice: str) -> str:
    """What a choice is for; empty for those that make a row of a table."""
    return _purposes().get(group, {}).get(choice, "")


@cache
def _purposes() -> dict[str, dict[str, str]]:
    return yaml.safe_load((CONF / "purposes.yaml").read_text(encoding="utf-8"))
