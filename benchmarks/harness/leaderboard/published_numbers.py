"""What papers report, apart from what was measured here: ``results/published.csv``."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from core import regular
from core.errors import UserError

SEEN = {
    "verified": "verified",
    "secondary": "unverified, as printed in another paper",
    "unverified": "unverified",
}
"""Read in the authors' own table or figure; read in another paper; known by hearsay."""


class PublishedNumber(NamedTuple):
    """One reported number, as texts; those of different protocols are never compared."""

    protocol: str
    method: str
    target: str
    shots: str
    metric: str
    better: str
    value: str
    std: str
    paper: str
    table: str
    seen: str
    seen_in: str

    @property
    def text(self) -> str:
        return f"{self.value} ± {self.std}" if self.std else self.value

    @property
    def provenance(self) -> str:
        return f"{SEEN[self.seen]}: {self.seen_in}" if self.seen_in else SEEN[self.seen]


def read(path: Path) -> list[PublishedNumber]:
    """All reported numbers of a file; UserError where it is none, or a line of it is no number."""
    names = PublishedNumber._fields
    try:
        text = regular.read(path).decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    numbers = []
    for i, row in enumerate(rows, start=2):
        if sorted(row, key=str) != sorted(names) or None in row.values():
            raise UserError(f"{path}, line {i}: the columns are not {', '.join(names)}.")
        number = PublishedNumber(**row)
        if number.seen not in SEEN or number.better not in ("lower", "higher"):
            raise UserError(f"{path}, line {i}: seen or better is no known word.")
        try:
            float(number.value), float(number.std or 0)
        except ValueError as error:
            raise UserError(f"{path}, line {i}: {number.value!r} is no number.") from error
        numbers.append(number)
    return numbers


def by_protocol(numbers: Sequence[PublishedNumber]) -> dict[str, list[PublishedNumber]]:
    protocols = dict.fromkeys(number.protocol for number in numbers)
    return {one: [number for number in numbers if number.protocol == one] for one in protocols}
