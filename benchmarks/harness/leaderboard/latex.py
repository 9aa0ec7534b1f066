"""Tables in booktabs' LaTeX: a document that compiles, whose tables can be taken as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks.harness.leaderboard import formats
from benchmarks.harness.leaderboard.comparison import Contest
from benchmarks.harness.leaderboard.layout import Entry, Grid, Line, title
from benchmarks.harness.leaderboard.published import Figure, by_protocol

HEAD = r"""\documentclass[10pt]{article}
\usepackage[a4paper,landscape,margin=15mm]{geometry}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{booktabs,graphicx,longtable}
\pagestyle{empty}
% A table as wide as the page at most.
\newsavebox{\fitted}
\newenvironment{fit}{\begin{lrbox}{\fitted}}{\end{lrbox}%
  \ifdim\wd\fitted>\linewidth\resizebox{\linewidth}{!}{\usebox{\fitted}}\else\usebox{\fitted}\fi}
\newcommand{\second}[1]{\underline{#1}}
\newcommand{\std}[1]{\,{\scriptsize$\pm$#1}}
\begin{document}
"""
TAIL = "\\end{document}\n"
WIDEST = 12
"""Columns with numbers that can be read beside one another on a page."""
LONGEST = 40
"""Letters of a row's name on one line."""
SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "–": "--",
    "−": "$-$",
    "°": r"$\circ$",
    "·": r"$\cdot$",
    "✗": r"$\times$",
    "…": r"\ldots{}",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
}


def escape(text: str) -> str:
    """A text that shows as it is; a letter that Latin fonts lack shows as a question mark."""
    return "".join(SIGNS.get(sign) or spelt(sign) for sign in " ".join(text.split()))


def number(text: str) -> str:
    """A text of numbers, whose hyphens are minus signs."""
    return escape(text.replace("-", "−"))


def spelt(sign: str) -> str:
    """A letter as itself where pdflatex knows it."""
    return sign if (sign.isascii() and sign.isprintable()) or "À" <= sign <= "ÿ" else "?"


def document(grids: Sequence[Grid], contests: Sequence[Contest], figures: Sequence[Figure]) -> str:
    """Everything, below one another."""
    parts = [table(grid) for grid in grids]
    parts += [contest_text(contest) for contest in contests]
    parts += [reported(figures)] if figures else []
    return HEAD + "\n\\bigskip\n\n".join(parts) + TAIL


def table(grid: Grid) -> str:
    """One table with a spanning heading a data set; below one another where it is too wide."""
    bands = "\n\n\\medskip\n".join(band(part) for part in grid.bands(WIDEST))
    under = escape(f"{title(grid)}. {'; '.join(grid.legend)}.")
    return "\n".join([bands, "", rf"\smallskip\noindent{{\small {under}}}", ""])


def band(grid: Grid) -> str:
    """One tabular."""
    shown = formats.style(grid.ranking.metric).title
    extra = [f"rank, {shown}"] if grid.ranked else []
    extra += grid.costs
    tops, rules, at = [""], [], 2
    for name, columns in grid.groups:
        tops.append(rf"\multicolumn{{{len(columns)}}}{{c}}{{{escape(name)}}}")
        rules.append(rf"\cmidrule(lr){{{at}-{at + len(columns) - 1}}}")
        at += len(columns)
    tops += [rf"\multicolumn{{{len(extra)}}}{{c}}{{}}"] if extra else []
    heads = ["method", *(head(c.metric, c.better) for c in grid.columns), *map(escape, extra)]
    body = [row(grid, line) for line in grid.lines if line.measured]
    source = [row(grid, line) for line in grid.lines if line.told and not line.measured]
    lines = [
        r"\noindent\begin{fit}",
        rf"\begin{{tabular}}{{l{'r' * (len(grid.columns) + len(extra))}}}",
        r"\toprule",
        f"{' & '.join(tops)} \\\\",
        " ".join(rules),
        f"{' & '.join(heads)} \\\\",
        r"\midrule",
        *body,
        *([r"\midrule", *source] if source else []),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{fit}",
    ]
    return "\n".join(lines)


def head(metric: str, better: str) -> str:
    """Heading of a metric with its arrow."""
    return escape(f"{formats.style(metric).heading()} {formats.ARROWS[better]}")


def row(grid: Grid, line: Line) -> str:
    """One row."""
    name = called(line.label) if line.measured else rf"\textit{{{escape(line.label)}}}"
    rank = [escape(line.rank)] if grid.ranked else []
    cells = [name, *map(cell, line.entries), *rank, *map(escape, line.costs)]
    return f"{' & '.join(cells)} \\\\"


def called(label: str) -> str:
    """A row's name, on several lines where it says much: a table is as wide as its numbers need."""
    if len(label) <= LONGEST:
        return escape(label)
    words = re.sub(r"(?<=[_/])", r"\\allowbreak{}", escape(label))
    return rf"\parbox[t]{{70mm}}{{\raggedright {words}\strut}}"


def cell(entry: Entry) -> str:
    """One cell."""
    if not entry.mean:
        return escape(entry.sign)
    mean = {1: rf"\textbf{{{entry.mean}}}", 2: rf"\second{{{entry.mean}}}"}.get(
        entry.medal, entry.mean
    )
    std = rf"\std{{{entry.std}}}" if entry.std else ""
    sign = rf"\textsuperscript{{{escape(entry.sign)}}}" if entry.sign else ""
    return mean.replace("-", "$-$", 1) + std + sign


def contest_text(contest: Contest) -> str:
    """Differences to one method over the same seeds, and the diagram of mean ranks."""
    heads = [escape(f"against {contest.against}"), *map(escape, contest.data)]
    rows = [
        f"{called(r.label)} & {' & '.join(number(contest.text(d)) for d in r.differences)} \\\\"
        for r in contest.rivals
    ]
    lines = [
        r"\noindent\begin{fit}",
        rf"\begin{{tabular}}{{l{'r' * len(contest.data)}}}",
        r"\toprule",
        f"{' & '.join(heads)} \\\\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{fit}",
        "",
        rf"\smallskip\noindent{{\small {escape(contest.legend())}}}",
        "",
        r"\bigskip\noindent" + diagram(contest),
        "",
        rf"\noindent{{\small {escape(contest.ranked())}}}",
        "",
    ]
    return "\n".join(lines)


def diagram(contest: Contest) -> str:
    """Demsar's diagram in LaTeX's own picture environment: an axis, names, bars over equals."""
    if not contest.comparable:
        return rf"{{\small {escape(contest.refusal())}}}"
    ordered = sorted(contest.ranks.items(), key=lambda item: item[1])
    worst, unit = len(ordered), 120 / max(len(ordered) - 1, 1)
    half, bars = (len(ordered) + 1) // 2, contest.cliques
    floor = -6.0 - 3.0 * len(bars)
    parts = [r"\put(0,0){\line(1,0){120}}"]
    for place in range(1, worst + 1):
        x = (place - 1) * unit
        parts.append(rf"\put({x:.2f},0){{\line(0,1){{1.5}}}}")
        parts.append(rf"\put({x:.2f},3){{\makebox(0,0)[b]{{\small {place}}}}}")
    for i, (name, rank) in enumerate(ordered):
        left = i < half
        x, y = (rank - 1) * unit, floor - 5.0 * (i if left else worst - 1 - i)
        end, side, at = (-4.0, "r", -5.0) if left else (124.0, "l", 125.0)
        parts.append(rf"\put({x:.2f},0){{\line(0,-1){{{-y:.2f}}}}}")
        parts.append(rf"\put({min(x, end):.2f},{y:.2f}){{\line(1,0){{{abs(x - end):.2f}}}}}")
        parts.append(
            rf"\put({at:.2f},{y:.2f}){{\makebox(0,0)[{side}]"
            rf"{{\small {escape(name)} ({rank:.2f})}}}}"
        )
    for i, group in enumerate(bars):
        first, last = (contest.ranks[group[k]] for k in (0, -1))
        x, y = (first - 1) * unit - 1, -4.0 - 3.0 * i
        parts.append(
            rf"\put({x:.2f},{y:.2f}){{\linethickness{{1.2pt}}"
            rf"\line(1,0){{{(last - first) * unit + 2:.2f}}}}}"
        )
    height = 12 - floor + 5.0 * half
    legend = escape(f"Mean rank in {contest.metric}; critical difference {contest.critical:.2f}.")
    return "\n".join(
        [
            r"\begin{center}\setlength{\unitlength}{1mm}",
            rf"\begin{{picture}}(120,{height:.0f})(0,{8 - height:.0f})",
            *parts,
            r"\end{picture}",
            "",
            rf"{{\small {legend} Bars join methods that do not differ.}}",
            r"\end{center}",
        ]
    )


def reported(figures: Sequence[Figure]) -> str:
    """What papers report, one long table a protocol."""
    parts = []
    for name, own in by_protocol(figures).items():
        rows = []
        for f in own:
            texts: tuple[str, ...] = (
                f.method,
                f.target,
                f.shots,
                f.metric + " " + formats.ARROWS[f.better],
            )
            texts += (f.text, f"{f.paper}, {f.table}", f.provenance)
            rows.append(f"{' & '.join(map(escape, texts))} \\\\")
        heads = r"method & target & shots & metric & value & paper & seen \\"
        parts += [
            rf"\noindent\textbf{{Reported}}, not measured here. {escape(name)}.",
            r"{\small\begin{longtable}[l]{llrlrll}",
            rf"\toprule {heads} \midrule \endhead \bottomrule \endfoot",
            *rows,
            r"\end{longtable}}",
        ]
    return "\n".join(parts) + "\n"
