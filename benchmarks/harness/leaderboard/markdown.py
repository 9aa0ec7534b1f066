"""Tables in GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness.leaderboard import formats
from benchmarks.harness.leaderboard.comparison import Contest
from benchmarks.harness.leaderboard.layout import Entry, Grid, Line, title
from benchmarks.harness.leaderboard.published import Figure, by_protocol

SPECIAL = "\\`*_{}[]<>()#+!|~$&@"


def escape(text: str) -> str:
    """A text that shows as it is, on one line."""
    plain = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in SPECIAL else sign for sign in plain)


def document(grids: Sequence[Grid], contests: Sequence[Contest], figures: Sequence[Figure]) -> str:
    """Everything, below one another."""
    parts = [table(grid) for grid in grids]
    parts += [contest_text(contest) for contest in contests]
    parts += [reported(figures)] if figures else []
    return "\n\n".join(parts) + "\n"


def table(grid: Grid) -> str:
    """One table with its title and legend."""
    several = len(grid.groups) > 1
    said = f"{title(grid)[0].lower()}{title(grid)[1:]}"
    over = f"{grid.groups[0][0]}, {said}" if not several else title(grid)
    return f"**{escape(over)}**\n\n{bare(grid)}\n\n{legend(grid)}"


def legend(grid: Grid) -> str:
    """What a reader has to know."""
    return f"{escape('; '.join(grid.legend))}."


def bare(grid: Grid) -> str:
    """One table; data set and metric share a heading, for Markdown has no spanning cells."""
    several = len(grid.groups) > 1
    alone = several and len({column.metric for column in grid.columns}) == 1
    heads = ["method"]
    for column in grid.columns:
        shown = formats.style(column.metric)
        head = f"{escape(shown.heading())} {formats.ARROWS[column.better]}"
        name = broken(column.data)
        heads.append(name if alone else f"{name}<br>{head}" if several else head)
    heads[0] = f"{head}" if alone else heads[0]
    heads += [f"mean rank<br>{escape(grid.ranking.metric)}"] if grid.ranked else []
    heads += grid.costs
    rule = [":--"] + ["--:"] * (len(heads) - 1)
    rows = [heads, rule, *(cells(grid, line) for line in grid.lines if line.told)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def broken(name: str) -> str:
    """A name of two words on two lines: a heading need not be wider than its numbers."""
    first, sign, rest = name.partition("_")
    return f"{escape(first + sign)}<br>{escape(rest)}" if rest else escape(name)


def cells(grid: Grid, line: Line) -> list[str]:
    """One row."""
    name = escape(line.label) if line.measured else f"*{escape(line.label)}*"
    rank = [line.rank] if grid.ranked else []
    return [name, *(cell(entry) for entry in line.entries), *rank, *line.costs]


def cell(entry: Entry) -> str:
    """One cell."""
    if not entry.mean:
        return entry.sign
    text = f"{entry.mean} ± {entry.std}" if entry.std else entry.mean
    marks = {1: ("**", "**"), 2: ("<ins>", "</ins>")}.get(entry.medal, ("", ""))
    return f"{marks[0]}{text}{marks[1]}{entry.sign}"


def contest_text(contest: Contest) -> str:
    """Differences to one method over the same seeds, and the diagram of mean ranks."""
    heads = [f"{escape(contest.metric)}<br>against {escape(contest.against)}"]
    heads += map(broken, contest.data)
    rows = [heads, [":--"] + ["--:"] * len(contest.data)]
    for rival in contest.rivals:
        texts = ["<br>".join(filter(None, contest.parts(d))) for d in rival.differences]
        rows.append([escape(rival.label), *texts])
    body = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    parts = [body, escape(contest.legend()), diagram(contest), escape(contest.ranked())]
    return "\n\n".join(part for part in parts if part)


def diagram(contest: Contest) -> str:
    """Mean ranks with bars over what does not differ, as text."""
    if not contest.comparable:
        return escape(contest.refusal())
    width = max(len(name) for name in contest.ranks)
    lines = [f"mean rank ({contest.metric}), critical difference {contest.critical:.2f}", ""]
    for name, rank in sorted(contest.ranks.items(), key=lambda item: item[1]):
        bars = " ".join("┃" if name in group else " " for group in contest.cliques)
        lines.append(f"{rank:5.2f}  {name:<{width}}  {bars}".rstrip())
    lines += ["", "┃ joins methods whose mean ranks do not differ at the 5 % level (Nemenyi)"]
    return "```text\n" + "\n".join(lines).replace("```", "'''") + "\n```"


def reported(figures: Sequence[Figure]) -> str:
    """What papers report, one table a protocol."""
    parts = []
    for name, own in by_protocol(figures).items():
        heads = ["reported for", "target", "shots", "metric", "value", "paper", "seen"]
        rows = [heads, [":--", ":--", "--:", ":--", "--:", ":--", ":--"]]
        for figure in own:
            metric = f"{escape(figure.metric)} {formats.ARROWS[figure.better]}"
            rows.append(
                [
                    *map(escape, (figure.method, figure.target, figure.shots)),
                    metric,
                    escape(figure.text),
                    escape(f"{figure.paper}, {figure.table}"),
                    escape(figure.provenance),
                ]
            )
        body = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        parts.append(
            f"<details><summary>Reported: {escape(name)}</summary>\n\n{body}\n\n</details>"
        )
    return "\n\n".join(parts)
