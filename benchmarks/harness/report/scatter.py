"""Two metrics against each other: named points with their spread over the seeds. Matplotlib draws
axes and bars in the colours of the page; the template adds what is placed by pixels.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from benchmarks.harness.leaderboard import csv_json, layout, metric_formats
from benchmarks.harness.leaderboard.tables import Cell, MetricColumn, Table
from benchmarks.harness.report import labels
from benchmarks.harness.report.labels import Box, Label, Spot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 380, 300  # pixels, of which the page makes as many as there is room for
FRAME = Box(46, 24, WIDTH - 10, HEIGHT - 44)  # within it the axes, around it their texts
DISC = 110  # radius of the tint in the better corner
FEWEST = 2  # points that make a plot
LONGEST = 26  # signs of a name
AIR = 0.08  # share of an axis beyond its outermost bars
TINY = 1e-9  # a value below it is 0, and a difference of so small a share none
NEAR_ZERO = 0.3  # of the largest value: an axis that comes so near to 0 shows it
# By metric, of which the first that a table has is drawn.
QUALITY = ("kid", "fid", "fd")
DIVERSITY = ("intra", "recall", "coverage")
STRUCTURE = ("landmarks", "identity", "translation")
ACCENT, MUTED, LINE = "#000001", "#000002", "#000003"
COLOURS = {ACCENT: "var(--accent)", MUTED: "var(--muted)", LINE: "var(--line)"}
"""Stand-ins, for Matplotlib knows no variables of CSS, by which the page turns dark."""
SETTINGS: Any = {
    "svg.fonttype": "none",  # text stays text: to be searched, copied, read aloud
    "svg.hashsalt": "styleshift",  # the same picture gives the same bytes
    "text.parse_math": False,  # a name may hold a dollar sign
    "font.size": 11,
    "figure.dpi": 72,  # a point is a pixel
}
CLEAN = (
    (r'<g id="[^"]*"/>', ""),  # ids must differ between the plots of a page
    (r'<g id="[^"]*">', "<g>"),
    (r"font-size: [^;]*; font-family: [^;]*; ", ""),  # the page has its own
    (r' transform="rotate\(-0 [^)]*\)"', ""),
    (r"\s+", " "),
    (r"> <", "><"),
)


class Dot(NamedTuple):
    """A method in printed units; ``level`` says which layers are the source's, if any."""

    name: str
    x: float
    y: float
    dx: float = 0.0
    dy: float = 0.0
    level: str = ""

    @property
    def label(self) -> str:
        """What stands beside the point; a swapped level is joined to its method by a line."""
        name = " ".join((self.level or self.name).split())
        return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


class Mark(NamedTuple):
    """A drawn point: its pixels, its label where there is room for one, a path to a far one."""

    name: str
    description: str
    x: float
    y: float
    label: Label | None
    leader: str
    whole: bool


class Plot(NamedTuple):
    """What Matplotlib drew, and upon it the better corner, trails of swapped levels, and marks."""

    title: str
    description: str
    drawing: Markup
    corner: str
    trails: tuple[str, ...]
    marks: tuple[Mark, ...]


def first(columns: Sequence[MetricColumn], names: Sequence[str]) -> MetricColumn | None:
    """The column of the first of these metrics that there is."""
    by_name = {metric_formats.base(column.metric): column for column in reversed(columns)}
    return next((by_name[name] for name in names if name in by_name), None)


def plots(table: Table, data: str) -> Iterator[Plot]:
    """Quality against diversity, structure and cost on one data set, as far as it is measured."""
    quality = first(table.of(data), QUALITY)
    if quality is None:
        return
    for word, names in (("diversity", DIVERSITY), ("structure", STRUCTURE)):
        other = first(table.of(data), names)
        dots = list(against(table, quality, other)) if other else []
        if other and len(dots) >= FEWEST:
            titles, better = (other.heading, quality.heading), (other.better, quality.better)
            yield plot(f"Quality against {word}", dots, titles, better)
    dots = list(costs(table, quality))
    if len(dots) >= FEWEST:
        titles = ("minutes of training, median ↓", quality.heading)
        yield plot("Quality against cost", dots, titles, ("lower", quality.better), log=True)


def against(table: Table, quality: MetricColumn, other: MetricColumn) -> Iterator[Dot]:
    """The rows that have a number in both columns, swapped levels behind their method."""
    for row in sorted(table.rows, key=lambda row: layout.place(row, {})):
        x, y = (scaled(table.cell(row, c), c) for c in (other, quality))
        if x and y:
            yield Dot(row.whole, x[0], y[0], x[1], y[1], layout.layers(row.swapped))


def costs(table: Table, quality: MetricColumn) -> Iterator[Dot]:
    """The methods that have a number and took time; swapping layers takes none."""
    for row in table.unswapped.rows:
        y = scaled(table.cell(row, quality), quality)
        minutes = csv_json.costs(row, quality.data).get("minutes", 0.0)
        if y and minutes > 0:
            yield Dot(row.label, minutes, y[0], 0.0, y[1])


def scaled(cell: Cell, column: MetricColumn) -> tuple[float, float] | None:
    """Mean and deviation in printed units, or nothing where there is no number."""
    factor = column.format.factor
    return (cell.mean * factor, (cell.std or 0.0) * factor) if cell.values else None


def plot(
    title: str,
    dots: Sequence[Dot],
    titles: tuple[str, str],
    better: tuple[str, str],
    *,
    log: bool = False,
) -> Plot:
    """The drawn plot of at least one dot: titles of both axes, which way each is better, and
    whether horizontally, with ``log``, equal ratios are equally long.
    """
    with blank(titles, log=log) as (figure, axes):
        spread(axes, dots)
        places = axes.transData.transform([(dot.x, dot.y) for dot in dots])
        spots = [(round(float(x), 1), round(HEIGHT - float(y), 1)) for x, y in places]
        drawing = inline(figure)
    room = Box(FRAME.left, FRAME.top - labels.LINE, WIDTH, FRAME.bottom)
    minor = [bool(dot.level) for dot in dots]
    marks = []
    placed = labels.place([dot.label for dot in dots], spots, minor, room)
    for dot, spot, label in zip(dots, spots, placed, strict=True):
        values = f"{titles[0]} {dot.x:.4g}, {titles[1]} {dot.y:.4g}"
        description = f"{dot.name} {dot.level}".strip() + f": {values}"
        leader = path((spot, label.end(spot))) if label and label.far else ""
        marks.append(Mark(dot.label, description, *spot, label, leader, not dot.level))
    trails = (
        path(spot for dot, spot in zip(dots, spots, strict=True) if dot.name == name)
        for name in dict.fromkeys(dot.name for dot in dots if dot.level)
    )
    description = f"{title}: " + "; ".join(mark.description for mark in marks) + "."
    return Plot(title, description, drawing, quarter(better), tuple(trails), tuple(marks))


@contextmanager
def blank(titles: tuple[str, str], *, log: bool) -> Iterator[tuple[Figure, Axes]]:
    """An empty figure with its axes, and Matplotlib's settings as the page needs them."""
    import matplotlib  # 0.9 s of CPU, which only a page with plots pays
    from matplotlib import ticker
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the browser has the letters
        figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72))
        left, bottom = FRAME.left / WIDTH, 1 - FRAME.bottom / HEIGHT
        wide, high = (FRAME.right - FRAME.left) / WIDTH, (FRAME.bottom - FRAME.top) / HEIGHT
        axes = figure.add_axes((left, bottom, wide, high), frameon=False)
        axes.set_xscale("log" if log else "linear")
        axes.grid(color=LINE, linewidth=1, clip_on=False)
        axes.tick_params(length=0, pad=6, labelcolor=MUTED, which="both")
        axes.set_xlabel(titles[0], loc="right", color=MUTED)
        axes.set_title(titles[1], loc="left", color=MUTED, fontsize=11, pad=10)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(ticker.MaxNLocator(5, steps=[1, 2, 5, 10]))
            axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:.4g}"))
            axis.set_minor_locator(ticker.NullLocator())
        yield figure, axes


def spread(axes: Axes, dots: Sequence[Dot]) -> None:
    """A bar of one deviation to both sides of each dot, and ends of the axes that show all bars."""
    from matplotlib.ticker import LogLocator

    wide = [(dot.x - dot.dx, dot.x + dot.dx) for dot in dots]
    high = [(dot.y - dot.dy, dot.y + dot.dy) for dot in dots]
    for dot, xs, ys in zip(dots, wide, high, strict=True):
        for bar in ((xs, (dot.y, dot.y)), ((dot.x, dot.x), ys)):
            axes.plot(*bar, color=ACCENT, alpha=0.35, linewidth=1.5, clip_on=False)
    log = axes.get_xscale() == "log"
    start, end = limits([x for xs in wide for x in xs], log=log)
    axes.set_xlim(start, end)
    if log and end > 10 * start:  # evenly spaced numbers would crowd at the end
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.set_ylim(limits([y for ys in high for y in ys], zero=True))


def limits(data: Sequence[float], *, log: bool = False, zero: bool = False) -> tuple[float, float]:
    """Ends of an axis that shows all values (one at least) with some air; with 0 if it is near."""
    low, high = min(data), max(data)
    if log:
        factor = max((high / low) ** AIR, 1.15)  # 1.15: of a single value
        return low / factor, high * factor
    if zero and 0 < low < NEAR_ZERO * high:
        low = 0.0
    size = max(abs(low), abs(high))
    if size < TINY:
        return -1.0, 1.0
    air = AIR * (high - low) if high - low > TINY * size else 0.1 * size
    return low - (0.0 if zero and low == 0 else air), high + air


def quarter(better: tuple[str, str]) -> str:
    """Path of a quarter of a disc in the corner in which the better points lie."""
    right, top = (way == "higher" for way in better)
    x, dx = (FRAME.right, -DISC) if right else (FRAME.left, DISC)
    y, dy = (FRAME.top, DISC) if top else (FRAME.bottom, -DISC)
    return f"M{x} {y}h{dx}A{DISC} {DISC} 0 0 {int(right != top)} {x} {y + dy}z"


def path(spots: Iterable[Spot]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in spots)


def inline(figure: Figure) -> Markup:
    """The drawing as the inside of an SVG, in the page's fonts and colours."""
    out = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(out, format="svg", transparent=True, metadata=nothing)
    text = out.getvalue()
    text = text[text.index("</defs>") + len("</defs>") : text.rindex("</svg>")]
    for pattern, new in CLEAN:
        text = re.sub(pattern, new, text)
    for stand_in, colour in COLOURS.items():
        text = text.replace(stand_in, colour)
    return Markup(text)
