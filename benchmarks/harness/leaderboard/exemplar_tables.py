"""What single exemplars do, as tables, from the files of ``benchmarks.exemplars``."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from benchmarks.harness.leaderboard.markdown import escape

FOLDER = "exemplars"
TITLE = """## Single exemplars

Photos of held-out people in the style of each shot (`python -m benchmarks.exemplars`). How often
the nearest shot of a result is the one that it was made after, by colours and by what a grey
picture shows (by chance: {chance}); how far the results of one photo lie apart; how much they are
the person of the photo. A method that has one style gives one result whatever the exemplar; *rows
exchanged* is what any StyleGAN can do all the same: the finer rows are those of the exemplar's
inversion."""
BEHIND = """Distance to the true photo of the same person, of the shots themselves, of their
inversions by the source, and of the destylised faces:"""
FOLLOWED = {
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

Rows = dict[tuple[str, str], list[Mapping[str, float]]]


def text(folder: Path) -> list[str]:
    """The paragraphs of a results folder; none where no exemplars were looked at."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in files(folder)]
    if not found:
        return []
    followed, faces = rows(found), rows(one for one in found if "shots_distance" in one["numbers"])
    chances = sorted({f"{one['numbers']['chance']:.0%}" for one in found})
    parts = [TITLE.format(chance=", ".join(chances)), table(followed, FOLLOWED)]
    return [*parts, BEHIND, table(faces, FACES)] if faces else parts


def files(folder: Path) -> list[Path]:
    """One for each run, in the order of their names."""
    return sorted((folder / FOLDER).glob("*.json"))


def rows(found: Any) -> Rows:
    """Numbers of each seed by data set and method."""
    made: Rows = defaultdict(list)
    for one in found:
        numbers = one["numbers"]
        made[one["data"], one["method"]].append(numbers)
        other = {k.removeprefix("rows_"): v for k, v in numbers.items() if k.startswith("rows_")}
        if other:
            made[one["data"], f"{one['method']}, rows exchanged"].append(other)
    return made


def table(made: Rows, columns: Mapping[str, str]) -> str:
    """Mean and sample deviation over the seeds, one row for each data set and method."""
    heads = ["data", "method", *columns.values(), "seeds"]
    lines = [heads, [":--", ":--"] + ["--:"] * (len(heads) - 2)]
    for (data, method), seeds in sorted(made.items()):
        cells = [spread([one[key] for one in seeds]) for key in columns]
        lines.append([escape(data), escape(method), *cells, str(len(seeds))])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(numbers: Sequence[float]) -> str:
    """Mean, and the deviation where there is one."""
    mean = f"{fmean(numbers):.3f}"
    return f"{mean} ± {stdev(numbers):.3f}" if len(numbers) > 1 else mean
