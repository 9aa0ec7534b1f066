"""What a record's own words say: whether it ended well, its data set, what was changed in it."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

from benchmarks.harness.records.record import PLACES

Record = dict[str, Any]
COSTS = ("images", "seconds", "trainable")
SCHEDULE = ("images", "batch_size", "seed", "xflip")
IDLE = {("data", "cache"), ("eval", "batch_size"), ("eval", "keep"), ("eval", "tolerance")}
"""Of the data: what belongs to the training. Of everything: what changes no number."""


def state(record: Record) -> str:
    """Finished or failed."""
    return str(record.get("state", "finished"))


def changes(record: Record) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What was changed on the command line: of the method, its training or its layers; the rest."""
    trained, asked = [], []
    for word in sorted(record.get("overrides", [])):
        group, _, name = word.lstrip("+~").partition("=")[0].partition(".")
        if group in ("method", "swap") or (group == "data" and name in SCHEDULE):
            trained.append(word)
        elif (group, name) not in IDLE and not placed(record, group, name):
            asked.append(word)
    return tuple(trained), tuple(asked)


def is_swap(word: str) -> bool:
    """Whether an override is about layer swap."""
    return word.lstrip("+~").partition("=")[0].partition(".")[0] == "swap"


def placed(record: Record, group: str, name: str) -> bool:
    """Whether a word only says where a published set lies: its checksums are in the protocol."""
    own = record.get("config", {}).get("data", {})
    return group == "data" and name in PLACES and bool(own.get("splits"))


def asked(record: Record) -> tuple[str, ...]:
    """What else was changed in the task, less where data lie: other shots are another benchmark."""
    places = tuple(f"data.{place}=" for place in PLACES)
    return tuple(w for w in changes(record)[1] if not w.lstrip("+~").startswith(places))


def data_label(record: Record) -> str:
    """The data set, with what was changed in it, in the source or in the evaluation."""
    return " ".join((record["data"], *changes(record)[1]))


def costs(records: Iterable[Record], data: str) -> dict[str, float]:
    """What the finished runs on a data set cost, the median over them; empty without any.

    Whatever else a machine does only ever adds to the time of a run: one slow run says nothing.
    """
    own = [r["cost"] for r in records if data_label(r) == data and state(r) == "finished"]
    return {key: float(median(cost[key] for cost in own)) for key in COSTS} if own else {}
