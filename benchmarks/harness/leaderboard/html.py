"""Tables in HTML: one page without scripts; the pages of ``benchmarks.report`` take its parts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from benchmarks.harness.leaderboard import formats
from benchmarks.harness.leaderboard.comparison import Contest
from benchmarks.harness.leaderboard.layout import Entry, Grid, Line, title
from benchmarks.harness.leaderboard.published import Figure, by_protocol

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Leaderboard</title>
<style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }}
body {{ margin: 2rem; }} .wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; }}
th, td {{ padding: .3rem .7rem; text-align: right; white-space: nowrap; }}
th[scope=row], th:first-child {{ text-align: left; font-weight: 500; }}
thead {{ border-block: 1px solid; }} tbody {{ border-bottom: 1px solid; }}
.best {{ font-weight: 700; }} .second {{ text-decoration: underline; }}
.std, .sign {{ opacity: .65; font-size: .85em; }} .source {{ font-style: italic; }}
</style></head><body>
{body}
</body></html>
"""


def document(grids: Sequence[Grid], contests: Sequence[Contest], figures: Sequence[Figure]) -> str:
    """Everything, on one page."""
    parts = [table(grid) for grid in grids]
    parts += [contest_text(contest) for contest in contests]
    parts += [reported(figures)] if figures else []
    return PAGE.format(body="\n".join(parts))


def table(grid: Grid) -> str:
    """One table with a spanning heading a data set."""
    extra = [f"mean rank, {grid.ranking.metric}"] if grid.ranked else []
    extra += grid.costs
    tops = "".join(
        f'<th colspan="{len(columns)}" scope="colgroup">{escape(name)}</th>'
        for name, columns in grid.groups
    )
    heads = "".join(f'<th scope="col">{head(c.metric, c.better)}</th>' for c in grid.columns)
    heads += "".join(f'<th scope="col">{escape(name)}</th>' for name in extra)
    rows = "\n".join(row(grid, line) for line in grid.lines)
    return (
        f'<h2>{escape(title(grid))}</h2>\n<div class="wide" tabindex="0"><table>\n<thead>'
        f'<tr><td></td>{tops}<td colspan="{len(extra)}"></td></tr>\n'
        f'<tr><th scope="col">method</th>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>'
        f"</div>\n<p>{escape('; '.join(grid.legend))}.</p>"
    )


def head(metric: str, better: str) -> str:
    """Heading of a metric with its arrow."""
    shown = formats.style(metric)
    return f"{escape(shown.heading())}&nbsp;{formats.ARROWS[better]}"


def row(grid: Grid, line: Line) -> str:
    """One row."""
    rest = ([line.rank] if grid.ranked else []) + list(line.costs)
    cells = "".join(f"<td>{cell(entry)}</td>" for entry in line.entries)
    cells += "".join(f"<td>{escape(text)}</td>" for text in rest)
    kind = "" if line.measured else ' class="source"'
    return f'<tr{kind}><th scope="row">{escape(line.label)}</th>{cells}</tr>'


def cell(entry: Entry) -> str:
    """The inside of one cell."""
    name = {1: ' class="best"', 2: ' class="second"'}.get(entry.medal, "")
    mean = f"<span{name}>{escape(entry.mean)}</span>" if entry.mean else ""
    std = f' <span class="std">± {escape(entry.std)}</span>' if entry.std else ""
    sign = f'<span class="sign" title="{escape(entry.state)}">{escape(entry.sign)}</span>'
    return mean + std + (sign if entry.sign else "")


def contest_text(contest: Contest) -> str:
    """Differences to one method over the same seeds, and the diagram of mean ranks."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in contest.data)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(rival.label)}</th>'
        + "".join(f"<td>{escape(contest.text(d))}</td>" for d in rival.differences)
        + "</tr>"
        for rival in contest.rivals
    )
    return (
        f"<h2>{escape(contest.metric)} against {escape(contest.against)}</h2>\n"
        '<div class="wide" tabindex="0"><table><thead><tr><th scope="col">method</th>'
        f"{heads}</tr></thead>\n<tbody>{rows}</tbody></table></div>\n"
        f"<p>{escape(contest.legend())}</p>\n{diagram(contest)}\n"
        f"<p>{escape(contest.ranked())}</p>"
    )


def diagram(contest: Contest) -> str:
    """Demsar's diagram as SVG in the colours of the page."""
    if not contest.comparable:
        return f"<p>{escape(contest.refusal())}</p>"
    ordered = sorted(contest.ranks.items(), key=lambda item: item[1])
    many, half = len(ordered), (len(ordered) + 1) // 2
    left, unit = 200.0, 400 / max(many - 1, 1)
    low = 46 + 9 * len(contest.cliques)
    line = '<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"{}/>'
    parts = [line.format(left, 30, left + 400, 30, "")]
    for place in range(1, many + 1):
        x = left + (place - 1) * unit
        parts += [line.format(x, 25, x, 30, ""), label(x, 18, "middle", str(place))]
    for i, (name, rank) in enumerate(ordered):
        x, y = left + (rank - 1) * unit, low + 20.0 * (i if i < half else many - 1 - i)
        end, anchor = (left - 12, "end") if i < half else (left + 412, "start")
        parts += [line.format(x, 30, x, y, ""), line.format(x, y, end, y, "")]
        at = end - 4 if anchor == "end" else end + 4
        parts.append(label(at, y + 4, anchor, f"{name} ({rank:.2f})"))
    for i, group in enumerate(contest.cliques):
        ends = [left + (contest.ranks[group[k]] - 1) * unit for k in (0, -1)]
        bar = ' stroke-width="4" stroke-linecap="round"'
        parts.append(line.format(ends[0] - 3, 39 + 9 * i, ends[1] + 3, 39 + 9 * i, bar))
    said = f"Mean rank in {contest.metric}; critical difference {contest.critical:.2f}."
    box = f'viewBox="0 0 800 {low + 20 * half}" width="800" role="img"'
    look = 'stroke="currentColor" font-size="13"'
    return (
        f'<figure><div class="wide" tabindex="0"><svg class="ranks" {box} {look} '
        f'aria-label="{escape(said)}">{"".join(parts)}</svg></div>\n'
        f"<figcaption>{escape(said)} Bars join methods that do not differ at the 5 % level."
        "</figcaption></figure>"
    )


def label(x: float, y: float, anchor: str, text: str) -> str:
    """A text in an SVG."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor" '
        f'stroke="none">{escape(text)}</text>'
    )


def reported(figures: Sequence[Figure]) -> str:
    """What papers report, one table a protocol, folded."""
    parts = []
    for name, own in by_protocol(figures).items():
        rows = "\n".join(reported_row(figure) for figure in own)
        parts.append(
            f"<details><summary>Reported: {escape(name)}</summary>\n"
            '<div class="wide" tabindex="0"><table class="reported"><thead><tr>'
            '<th scope="col">method</th><th scope="col">target</th><th scope="col">shots</th>'
            '<th scope="col">metric</th><th scope="col">value</th><th scope="col">paper</th>'
            f'<th scope="col">seen</th></tr></thead>\n<tbody>{rows}</tbody></table></div></details>'
        )
    return "\n".join(parts)


def reported_row(figure: Figure) -> str:
    """One reported number."""
    metric = f"{figure.metric} {formats.ARROWS[figure.better]}"
    paper = f"{figure.paper}, {figure.table}"
    texts = (figure.target, figure.shots, metric, figure.text, paper, figure.provenance)
    cells = "".join(f"<td>{escape(text)}</td>" for text in texts)
    return f'<tr><th scope="row">{escape(figure.method)}</th>{cells}</tr>'
