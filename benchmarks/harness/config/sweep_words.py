"""Words of a command line that stand for several values, as Hydra's sweeps write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType

from benchmarks.harness.config.compose import our_hydra
from core.errors import UserError

FOREIGN = {
    "existing": "a sweep runs what is missing (--again repeats what failed)",
    "hydra": "a launcher or sweeper of Hydra's belongs to python -m benchmarks.run -m",
}


@dataclass(frozen=True)
class SweepWord:
    """One word.

    Attributes:
        text: as it was written.
        key: whose values it gives.
        values: the words ``key=value`` that it stands for.
        glob: whether it names them by a pattern.
    """

    text: str
    key: str
    values: list[str]
    glob: bool


def parse(words: Sequence[str]) -> list[SweepWord]:
    """What the words of a sweep stand for.

    Raises:
        UserError: a word is none of a sweep's.
    """
    with our_hydra() as loader:
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(words))
        return [sweep_word(override) for override in overrides]


def sweep_word(override: Override) -> SweepWord:
    """One word; those that a sweep sets itself, or of another command, are refused."""
    text, key = str(override.input_line), override.get_key_element()
    first = override.key_or_group.replace("/", ".").split(".")[0]
    if first in FOREIGN:
        raise UserError(f"{text} is refused: {FOREIGN[first]}.")
    if not override.is_sweep_override():
        return SweepWord(text, key, [text], glob=False)
    if not override.is_discrete_sweep():
        raise UserError(f"{text} names no values; a sweep needs a list of them.")
    values = [f"{key}={value}" for value in override.sweep_string_iterator()]
    return SweepWord(text, key, values, glob=override.value_type == ValueType.GLOB_CHOICE_SWEEP)
