"""Lists of shots for a set, and whether a shot is in what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.data import near_duplicates
from benchmarks.harness.data.domains import splits
from benchmarks.harness.data.preparation.archive import put
from benchmarks.harness.data.preparation.survey import Survey
from core.errors import UserError


@dataclass(frozen=True)
class ShotLists:
    """The lists that hold for a set.

    Attributes:
        shots: checksums by name of the list.
        messages: a sentence about each kind of list.
        misfits: sentences about lists that do not fit.
    """

    shots: dict[str, tuple[str, ...]]
    messages: list[str]
    misfits: list[str]


def find_or_draw(
    name: str, place: Path, survey: Survey, candidates: list[str], *, write: bool
) -> ShotLists:
    """The committed lists of a set or, where none fits, lists written beside `place`.

    Args:
        name: of the set's committed lists, or empty: then they are called as the zip.
        place: the zip that the set was converted to.
        survey: of the set.
        candidates: checksums of what may become a shot.
        write: whether lists that are not there are written.
    """
    kept: dict[str, tuple[str, ...]] = {}
    written: list[str] = []
    misfits: list[str] = []
    called = name or place.stem
    names = {row.sha256: row.file.name for row in reversed(survey.rows)}
    for draw in range(splits.DRAWS):
        order = survey.distinct(splits.draw_order(candidates, draw))
        for size in splits.SIZES:
            part = f"{size}-{draw}"
            try:
                found = splits.find_list(name, part, place, candidates)
            except UserError as error:
                misfits.append(str(error))
                continue
            if not found.hashes and len(order) >= size:
                found = splits.Split(part, tuple(order[:size]), "")
                written.append(f"{called}-{part}.txt")
            if found.hashes and write and found.origin == part:
                title = f"{called}: {size} shots, draw {draw} (drawn by checksum)"
                text = splits.text(title, {sha256: names[sha256] for sha256 in found.hashes})
                put(place.with_name(f"{called}-{part}.txt"), text)
            if found.hashes:
                kept[f"{called}-{part}"] = found.hashes
    there = len(kept) - len(written)
    messages = [f"{there} lists of shots were there and fit."] if there else []
    if written:
        done = "were written beside the zip" if write else "are to be written"
        messages.append(f"{len(written)} lists {done}: {', '.join(written)}.")
    short = [size for size in splits.SIZES if not any(f"-{size}-" in key for key in kept)]
    messages += [f"Too few pictures for {size} shots." for size in short]
    return ShotLists(kept, messages, misfits)


def leaks(lists: ShotLists, survey: Survey, reference: Survey, own: bool) -> list[str]:
    """A line for each shot that is in the reference, or nearly.

    Args:
        lists: of the shots.
        survey: of the set that the shots are from.
        reference: of the pictures to compare with.
        own: whether these are the same set, less the shots.
    """
    place = {row.sha256: i for i, row in reversed(list(enumerate(survey.rows)))}
    shots = sorted({sha256 for hashes in lists.shots.values() for sha256 in hashes})
    chosen = [survey.rows[place[sha256]] for sha256 in shots]
    thumbs = survey.thumbs[[place[sha256] for sha256 in shots]]
    found = []
    for pair in near_duplicates.between(thumbs, reference.thumbs):
        shot, other = chosen[pair.first], reference.rows[pair.second]
        same = shot.sha256 == other.sha256
        if own and (same or shot.pixels == other.pixels):
            continue  # the domain leaves it out, and it stands among the duplicates
        how = "the same file" if same else describe(pair, shot.pixels == other.pixels)
        found.append(f"{shot.file.name} is {other.file.name} of the reference ({how})")
    return sorted(found)


def describe(pair: near_duplicates.NearDuplicate, equal: bool) -> str:
    """How alike two pictures are, in words."""
    if equal:
        return "the same pixels"
    return f"{'mirrored, ' * pair.mirrored}likeness {pair.correlation:.3f}"
