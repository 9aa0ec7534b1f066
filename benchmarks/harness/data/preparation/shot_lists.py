"""Lists of shots for a set, and whether a shot is in what it is compared with."""

from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.data import near_duplicates
from benchmarks.harness.data.domains import splits
from benchmarks.harness.data.preparation.survey import Survey
from core import output
from core.errors import UserError


class ShotLists(NamedTuple):
    """The lists that hold for a set."""

    shots: dict[str, tuple[str, ...]]  # checksums by name of the list
    messages: list[str]  # a sentence about each kind of list
    misfits: list[str]  # sentences about lists that do not fit


def find_or_draw(
    name: str, place: Path, survey: Survey, candidates: list[str], *, write: bool
) -> ShotLists:
    """The lists of a set and, where none fits, lists that are drawn and, with `write`, written.
    They lie beside the zip at `place`, and are called as it if the set's committed lists have no
    `name`. Candidates are checksums of what may become a shot.
    """
    shots: dict[str, tuple[str, ...]] = {}
    drawn: list[str] = []
    misfits: list[str] = []
    called = name or place.stem
    names = {row.sha256: row.file.name for row in reversed(survey.rows)}
    for draw in range(splits.DRAWS):
        order = survey.distinct(splits.draw_order(candidates, draw))
        for size in splits.SIZES:
            title = f"{called}-{size}-{draw}"
            try:
                hashes = splits.find_list(name, f"{size}-{draw}", place, candidates).hashes
            except UserError as error:
                misfits.append(str(error))
                continue
            if not hashes and len(order) >= size:
                hashes = tuple(order[:size])
                drawn.append(f"{title}.txt")
                if write:
                    words = f"{called}: {size} shots, draw {draw} (drawn by checksum)"
                    text = splits.text(words, {sha256: names[sha256] for sha256 in hashes})
                    output.write(place.with_name(f"{title}.txt"), text.encode())
            if hashes:
                shots[title] = hashes
    there = len(shots) - len(drawn)
    messages = [f"{there} lists of shots were there and fit."] if there else []
    if drawn:
        done = "were written beside the zip" if write else "are to be written"
        messages.append(f"{len(drawn)} lists {done}: {', '.join(drawn)}.")
    short = [size for size in splits.SIZES if not any(f"-{size}-" in title for title in shots)]
    messages += [f"Too few pictures for {size} shots." for size in short]
    return ShotLists(shots, messages, misfits)


def leaks(lists: ShotLists, survey: Survey, reference: Survey) -> list[str]:
    """A line for each shot of a surveyed set that is in its reference, or nearly.
    The reference may be the same survey: then it is the set less the shots.
    """
    place = {row.sha256: i for i, row in reversed(list(enumerate(survey.rows)))}
    shots = sorted({sha256 for hashes in lists.shots.values() for sha256 in hashes})
    rows = [place[sha256] for sha256 in shots]
    lines = []
    for pair in near_duplicates.between(survey.thumbs[rows], reference.thumbs):
        shot, other = survey.rows[rows[pair.first]], reference.rows[pair.second]
        same = shot.sha256 == other.sha256
        if reference is survey and (same or shot.pixels == other.pixels):
            continue  # the domain leaves it out, and it stands among the duplicates
        how = "the same file" if same else describe(pair, shot.pixels == other.pixels)
        lines.append(f"{shot.file.name} is {other.file.name} of the reference ({how})")
    return sorted(lines)


def describe(pair: near_duplicates.NearDuplicate, equal: bool) -> str:
    """How alike two pictures are, in words."""
    if equal:
        return "the same pixels"
    return f"{'mirrored, ' * pair.mirrored}likeness {pair.correlation:.3f}"
