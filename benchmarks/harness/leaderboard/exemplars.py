"""What single exemplars do, as tables, from the files of ``benchmarks.exemplars``."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

FOLDER = "exemplars"
STYLES = {
    "colour_found_again": "by colour ↑",
    "structure_found_again": "by structure ↑",
    "distance": "distance ↑",
    "identity": "identity ↑",
}
FACES = {
    "shots_distance": "shots ↓",
    "inverted_distance": "inverted ↓",
    "destylised_distance": "destylised ↓",
}
ROWS = "rows_"  # before the names of what exchanging rows of latents does
Seeds = dict[tuple[str, str], list[Mapping[str, float]]]  # by data set and method


class SeedTable(NamedTuple):
    """Mean and sample deviation over the seeds: data set, method, numbers, count of seeds."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[str, ...], int], ...]


def read(folder: Path) -> dict[str, str | SeedTable] | None:
    """How results of a folder follow exemplars, by chance too, and how near faces are to photos."""
    styles: Seeds = defaultdict(list)
    faces: Seeds = defaultdict(list)
    chances = set()
    for path in sorted((folder / FOLDER).glob("*.json")):
        one = json.loads(path.read_text(encoding="utf-8"))
        numbers, data, method = one["numbers"], one["data"], one["method"]
        chances.add(f"{numbers['chance']:.0%}")
        styles[data, method].append(numbers)
        if "shots_distance" in numbers:
            faces[data, method].append(numbers)
        exchanged = {k.removeprefix(ROWS): v for k, v in numbers.items() if k.startswith(ROWS)}
        if exchanged:
            styles[data, f"{method}, rows exchanged"].append(exchanged)
    if not styles:
        return None
    tables = {"styles": table(styles, STYLES), "faces": table(faces, FACES)}
    return {"chance": ", ".join(sorted(chances)), **tables}


def table(seeds: Seeds, columns: Mapping[str, str]) -> SeedTable:
    rows = [
        (data, method, tuple(spread([one[key] for one in own]) for key in columns), len(own))
        for (data, method), own in sorted(seeds.items())
    ]
    return SeedTable(tuple(columns.values()), tuple(rows))


def spread(numbers: Sequence[float]) -> str:
    mean = f"{fmean(numbers):.3f}"
    return f"{mean} ± {stdev(numbers):.3f}" if len(numbers) > 1 else mean
