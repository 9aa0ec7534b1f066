"""The diagram of mean ranks: one geometry, which every form prints."""

import re

import pytest

from benchmarks.harness.leaderboard import markup, rank_diagram
from benchmarks.harness.leaderboard.comparison import compare
from benchmarks.harness.leaderboard.selection import Content
from tests.helpers.records import build, zoo

RANKS = {"best": 1.0, "good": 2.0, "fair": 3.0, "worst": 4.0}


def test_ranks_are_evenly_spaced_and_bars_join_what_does_not_differ():
    drawn = rank_diagram.draw(RANKS, [("best", "good"), ("good", "fair")])
    assert drawn.ticks == ((0, 1), (40, 2), (80, 3), (120, 4))
    assert [stem.x for stem in drawn.stems] == [0, 40, 80, 120]
    assert [(bar.start, bar.end) for bar in drawn.bars] == [(-1, 41), (39, 81)]
    assert len({bar.y for bar in drawn.bars}) == 2


def test_no_line_of_a_name_crosses_another():
    drawn = rank_diagram.draw(RANKS, [])
    left = [stem for stem in drawn.stems if stem.left]
    right = [stem for stem in drawn.stems if not stem.left]
    assert [stem.label for stem in left] == ["best (1.00)", "good (2.00)"]
    assert [stem.y for stem in left] == sorted(stem.y for stem in left)
    assert [stem.y for stem in right] == sorted((stem.y for stem in right), reverse=True)
    assert max(bar.y for bar in rank_diagram.draw(RANKS, [("best", "good")]).bars) < left[0].y + 3


def test_one_method_is_drawn_too():
    assert rank_diagram.draw({"only": 1.0}, []).ticks == ((0, 1),)


@pytest.mark.parametrize(
    ("form", "pattern", "down"),
    [
        ("latex", r"\\put\(([-\d.]+),([-\d.]+)\)\{\\linethickness\{1.2pt\}", -1),
        ("html", r'stroke-linecap="round" d="M([-\d.]+) ([-\d.]+)H', 1),
    ],
)
def test_a_bar_lies_where_the_diagram_says_in_every_form(form, pattern, down):
    comparison = compare(build(zoo())[0], "kid", "")
    (x, y), *_ = re.findall(pattern, markup.document(form, Content([], [comparison], [], 0)))
    bar = comparison.diagram.bars[0]
    assert (float(x), down * float(y)) == pytest.approx((bar.start, bar.y), abs=0.01)
