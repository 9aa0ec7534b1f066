"""What was found in a set, as a page that a person reads."""

from collections import Counter
from collections.abc import Iterable

from benchmarks.harness.data.domains.folder import About
from benchmarks.harness.data.pictures import SENTENCES
from benchmarks.harness.data.preparation.shot_lists import describe
from benchmarks.harness.data.preparation.survey import Survey, groups

SIZES = 8  # that are listed


def heading(about: About, name: str) -> list[str]:
    """Whose the set is and how it is had."""
    if not about.title:
        return [f"# {name}", ""]
    terms = "may be passed on" if about.redistributable else "may not be passed on"
    return [
        f"# {about.title}",
        "",
        f"- licence: {about.licence} ({terms})",
        f"- published at: {about.place}",
        f"- how it is had: {about.obtain}",
        "",
    ]


def contents(title: str, survey: Survey, about: About, resolution: int) -> list[str]:
    """Counts, kinds and sizes of one part of the set."""
    rows, count = survey.rows, len(survey.rows) + len(survey.broken)
    lines = [f"## {title}", "", f"- files: {count:,}, readable: {len(rows):,}"]
    if about.pictures:
        gap = f"{abs(about.pictures - count):,} too {'few' if count < about.pictures else 'many'}"
        verdict = "complete" if count == about.pictures else gap
        lines.append(f"- the published set has {about.pictures:,}: {verdict}")
    lines.append(f"- kinds: {count_values(row.kind for row in rows)}")
    lines.append(f"- sizes: {count_values(f'{w} x {h}' for w, h in (row.size for row in rows))}")
    other = sum(row.size != (about.side, about.side) for row in rows)
    if about.side and other:
        lines.append(f"- {other:,} are not {about.side} x {about.side} as published")
    changes = Counter(change for row in rows for change in row.changes)
    for change, sentence in SENTENCES.items():
        if changes[change]:
            lines.append(f"- {changes[change]:,} {sentence.format(resolution=resolution)}")
    grey = sum(row.colourless for row in rows)
    if grey:
        lines.append(f"- {grey:,} show no colour{' (all)' * (grey == len(rows))}")
    return [*lines, ""]


def count_values(values: Iterable[str]) -> str:
    """Values with their counts, the commonest first."""
    counts = Counter(values)
    parts = [f"{value} ({count:,})" for value, count in counts.most_common(SIZES)]
    more = len(counts) - SIZES
    return (", ".join(parts) or "none") + (f" and {more} more" if more > 0 else "")


def faults(survey: Survey) -> list[str]:
    """Broken files, duplicates and near-duplicates, every one of them."""
    broken = (f"{name}: {why}" for name, why in sorted(survey.broken.items()))
    near = (f"{a}, {b} ({describe(pair, False)})" for a, b, pair in survey.nearly_same)
    distinct = {row.sha256: row for row in reversed(survey.rows)}
    same_files = map(", ".join, groups(survey.rows, lambda row: row.sha256))
    same_pixels = map(", ".join, groups(distinct.values(), lambda row: row.pixels))
    first = "of which the first is used"
    return [
        *listing("files that cannot be read", broken),
        *listing(f"groups of files that are the same bit for bit, {first}", same_files),
        *listing(f"groups of files that show the same pixels, {first}", same_pixels),
        *listing("pairs that are nearly the same and both used", near),
    ]


def listing(title: str, entries: Iterable[str]) -> list[str]:
    """A count with all its entries, or nothing where there are none."""
    lines = [f"- {entry}" for entry in entries]
    return [f"**{title}: {len(lines):,}**", "", *lines, ""] if lines else []


def md5_comparison(survey: Survey, known: frozenset[str], name: str) -> list[str]:
    if not known:
        return [f"- published checksums: {name} was not given", ""] if name else []
    unknown = sorted(row.file.name for row in survey.rows if row.md5 not in known)
    agree = len(survey.rows) - len(unknown)
    lines = [f"- published checksums ({name}): {agree:,} of {len(survey.rows):,} files agree", ""]
    return lines + listing("files that are not as published", unknown)
