"""The page as text: escaped, whole in itself, made of nothing but records and strips."""

import base64
import hashlib
import json
import re
from collections import defaultdict
from html import escape
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks import report
from benchmarks.harness.leaderboard.selection import Selection, read_tables
from benchmarks.harness.records.record import Record
from benchmarks.harness.report import curves, overview, scatter, strip_files
from benchmarks.harness.report.image_grid import image_grids
from benchmarks.harness.report.page import render, spending
from benchmarks.harness.report.strip_files import Sprites, count
from core.errors import UserError
from tests.helpers import pages


class Elements(HTMLParser):
    """Every element with its attributes, and the text inside scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.found, self.inside = [], defaultdict(list)
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.found and self.found[-1][0] in ("script", "style"):
            self.inside[self.found[-1][0]].append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pages.write(tmp_path_factory.mktemp("results"), pages.zoo())


@pytest.fixture(scope="module")
def page(folder):
    return render(folder, local=True)


def test_the_page_is_a_pure_function_of_the_folder(folder, page):
    assert render(folder, local=True) == page


def test_nothing_is_fetched_from_anywhere(page):
    seen = Elements(page)
    for tag, attributes in seen.found:
        assert not attributes.keys() & {"src", "srcset", "poster", "data", "background"}, tag
    for attributes in seen.all("a"):
        href = attributes["href"]
        assert href.startswith(("#", "https://arxiv.org/abs/"))
    assert [a["href"] for a in seen.all("link")] == ["data:,"]
    style = " ".join(seen.inside["style"])
    assert "@import" not in style
    addresses = re.findall(r"url\(([^)]*)\)", style)
    assert addresses
    assert all(a.startswith("data:image/webp;base64,") for a in addresses)


def test_only_the_script_of_the_page_may_run(page):
    seen = Elements(page)
    kinds = [attributes.get("type", "") for attributes in seen.all("script")]
    assert kinds == ["application/json", ""]
    (own,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    (policy,) = [a["content"] for a in seen.all("meta") if "http-equiv" in a]
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    for tag, attributes in seen.found:
        assert not [name for name in attributes if name.startswith("on")], tag


def test_every_picture_and_plot_says_what_it_shows_and_ids_are_unique(page):
    seen = Elements(page)
    pictures = [a for tag, a in seen.found if tag == "svg" or "t" in a.get("class", "").split()]
    assert len(pictures) > 2 * 12 * 5
    assert all(a.get("role") == "img" and a["aria-label"] for a in pictures)
    ids = [a["id"] for _, a in seen.found if "id" in a]
    assert len(ids) == len(set(ids))
    labels = {a["aria-label"] for a in pictures}
    assert {"source, latent 1", "good, person 4", "truth, person 1"} <= labels
    assert "torn, latent 1: the run diverged" in labels


def test_whatever_a_record_says_is_shown_as_text(tmp_path):
    evil = pages.HOSTILE
    run = pages.record(evil, evil, 0, 0.01, paper=evil, overrides=[f"method.{evil}=1"])
    more = [pages.record("good", evil, s, 0.02, source=run["source"]) for s in range(3)]
    text = render(pages.write(tmp_path, [run, *more], pictures=False), local=True)
    seen = Elements(text)
    assert len(seen.all("script")) == 2
    assert not seen.all("img")
    assert "<script>window" not in text
    data = json.loads(seen.inside["script"][0])
    assert data["sections"][0]["data"] == evil


def test_a_strip_is_looked_up_and_never_made_into_a_path(tmp_path):
    (tmp_path / "outside.webp").write_bytes(pages.strip(12, 0))
    run = pages.record("../../outside", "parafaces_a", 0, 0.01)
    assert "/" not in strip_files.scene(
        Record.from_json(run | {"data": "../../x", "source": "/etc"})
    )
    pages.write(tmp_path / "results", [run], pictures=False)
    assert "image/webp" not in render(tmp_path / "results", local=True)


@pytest.mark.parametrize("method", ["good", "<img src=x onerror=alert(1)>"])
def test_a_torn_strip_is_named_and_left_out(tmp_path, method):
    run = pages.record(method, "parafaces_a", 0, 0.01)
    folder = pages.write(tmp_path, [run])
    path = folder / "tiles" / f"{Record.from_json(run).name}.webp"
    path.write_bytes(path.read_bytes()[:20])
    assert f"No strips of pictures: {escape(path.name)}." in render(folder, local=True)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(at=st.integers(0, 200), put=st.binary(min_size=1, max_size=6), end=st.integers(0, 400))
@example(at=0, put=b"\x89PNG\r\n\x1a\n", end=400)
@example(at=0, put=b"R", end=0)
@example(at=26, put=b"\xff\x3f\xff\x3f", end=400)  # claims 16,383 pixels on either side
def test_mutated_bytes_are_a_strip_or_none(at, put, end):
    whole = pages.strip(12, 0)
    data = (whole[:at] + put + whole[at + len(put) :])[:end]
    assert 0 <= count(data) <= 64


def test_real_pictures_are_shown_here_and_left_out_of_what_is_public(tmp_path):
    run = pages.record("good", "metfaces", 0, 0.01)
    folder = pages.write(tmp_path, [run])
    assert not list((folder / "tiles").glob("*"))
    shown, public = (render(folder, local=local) for local in (True, False))
    assert "made from real data" in shown
    assert "image/webp" in shown
    assert "image/webp" not in public
    half = Record.from_json(run | {"data": "parafaces_a", "source": "ffhq256"})
    assert strip_files.place(folder, half).parts[-2:] == ("local", "tiles")


def test_equal_strips_are_carried_once_and_a_page_carries_only_what_it_has_room_for(tmp_path):
    sizes = {}
    for name, seed in (("a", 0), ("b", 1), ("same as a", 0), ("c", 2)):
        data = pages.strip(12, seed)
        (tmp_path / f"{name}.webp").write_bytes(data)
        sizes[name] = len(data)
    paths = {path.stem: path for path in tmp_path.glob("*.webp")}
    sprites = Sprites(paths, room=sizes["a"] + sizes["b"])
    for name in ("a", "b", "same as a", "c", "missing"):
        sprites.get(name)
    assert sprites.get("a") is sprites.get("same as a")
    assert sprites.get("a").tiles == 12
    assert [s.index for s in sprites.carried.values()] == [0, 1]
    assert (sprites.get("c"), sprites.get("missing"), sprites.outside) == (None, None, 1)


def test_a_page_of_more_than_120_records_stays_below_10_megabytes(tmp_path):
    config = {"text": [{"key": "x" * 60} for _ in range(120)]}  # as long as real ones: 8 kB
    runs = [
        pages.record(f"m{m}", f"parafaces_{d}", s, 0.01 * (m + 1), config={"method": config})
        for m in range(9) for d in range(5) for s in range(3)
    ]  # fmt: skip
    folder = pages.write(tmp_path, runs)
    for i, path in enumerate(sorted((folder / "tiles").glob("m*.webp"))):
        path.write_bytes(pages.strip(12, i) + i.to_bytes(4, "big") * 4000)  # 16 kB each
    text = render(folder, local=True)
    assert text.count("image/webp") > 130
    assert len(text.encode()) < 10e6


def test_without_records_one_sentence_says_so(tmp_path, capsys):
    with pytest.raises(UserError, match="There are no records"):
        report.main.__wrapped__(["--folder", str(tmp_path)])
    assert report.main(["--folder", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_page_goes_where_it_is_wanted_and_opens(folder, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    path = tmp_path / "a b" / "x.html"
    assert report.main(["--folder", str(folder), "--to", str(path)]) == 0
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    report.main(["--folder", str(folder), "--to", str(path), "--open"])
    assert opened == [path.resolve().as_uri()]


# --- plots ----------------------------------------------------------------------------------------


def numbers(text):
    """All coordinates of the paths of a drawing."""
    found = " ".join(re.findall(r'<path d="([^"]*)"', text))
    return [float(number) for number in re.findall(r"-?[\d.]+(?:e[-+]\d+)?", found)]


def ticks(plot):
    return re.findall(r'<text style="text-anchor: (?:middle|end)[^>]*>([^<]*)<', plot.drawing)


def test_ticks_are_round_values_between_the_ends_and_a_log_has_equal_ratios():
    dots = [scatter.Dot("a", 1.0, 1.0), scatter.Dot("b", 100.0, 9.0), scatter.Dot("c", 10.0, 4.0)]
    plot = scatter.plot("", dots, ("x", "y"), ("higher", "lower"), log=True)
    assert [text for text in ticks(plot) if text != "x"] == [
        *("1", "2", "5", "10", "20", "50", "100"), *("0", "2", "4", "6", "8")
    ]  # fmt: skip
    a, b, c = plot.marks
    assert c.x == pytest.approx((a.x + b.x) / 2, abs=0.1)
    assert a.y > c.y > b.y
    even = scatter.plot("", dots, ("x", "y"), ("higher", "lower")).marks
    assert even[2].x == pytest.approx(even[0].x + (even[1].x - even[0].x) / 11, abs=0.1)


@pytest.mark.parametrize(
    "values", [[0], [1], [-3, 8], [1e-300], [1e100, -1e100], [1, 1 + 1e-15], [5e-324, 1e-320]]
)
def test_any_values_make_a_plot_that_holds_them(values):
    dots = [scatter.Dot(str(i), value, value) for i, value in enumerate(values)]
    positive = [scatter.Dot(dot.name, max(abs(dot.x), 1e-300), dot.y) for dot in dots]
    for plot in (
        scatter.plot("", dots, ("x", "y"), ("higher", "lower")),
        scatter.plot("", positive, ("x", "y"), ("higher", "lower"), log=True),
    ):
        for mark in plot.marks:
            assert scatter.FRAME.left <= mark.x <= scatter.FRAME.right
            assert scatter.FRAME.top <= mark.y <= scatter.FRAME.bottom
        assert "nan" not in plot.drawing
        assert len(ticks(plot)) <= 24


def test_a_drawing_has_the_colours_of_the_page_text_that_is_text_and_no_ids():
    dots = [scatter.Dot("a$x$ <b>", 1.0, 1.0), scatter.Dot("b", 2.0, 2.0)]
    plot = scatter.plot("", dots, ("$x_1$ <i>", "漢"), ("higher", "lower"))
    assert plot == scatter.plot("", dots, ("$x_1$ <i>", "漢"), ("higher", "lower"))
    assert "$x_1$ &lt;i&gt;</text>" in plot.drawing
    assert "漢</text>" in plot.drawing
    assert "id=" not in plot.drawing
    assert not re.search("#[0-9a-f]{6}|font", plot.drawing)
    assert all(f"var(--{name})" in plot.drawing for name in ("accent", "muted", "line"))


def boxes(plot):
    """The boxes of all names of a plot."""
    return [mark.label.box for mark in plot.marks if mark.label]


def test_names_beside_points_do_not_cover_one_another_where_there_is_room():
    dots = [scatter.Dot(f"method {i}", 10.0 * i, 5.0 * (i % 3)) for i in range(6)]
    plot = scatter.plot("", dots, ("x", "y"), ("higher", "lower"))
    found = boxes(plot)
    assert len(found) == 6
    assert all(a.overlap(b) == 0 for a in found for b in found if a is not b)
    assert [m.x for m in plot.marks] == sorted(m.x for m in plot.marks)


def test_eleven_methods_close_together_beside_one_far_away_are_told_apart():
    dots = [scatter.Dot(f"freeze{i}", 0.40 + 0.01 * (i % 4), 30 + 3.0 * i) for i in range(10)]
    dots.append(scatter.Dot("outlier", 0.6, 110.0))
    plot = scatter.plot("", dots, ("x", "y"), ("higher", "lower"))
    found = boxes(plot)
    assert len(found) == 11
    assert all(a.overlap(b) < 5 for a in found for b in found if a is not b)  # of 600
    assert all(box.left >= scatter.FRAME.left and box.right <= scatter.WIDTH for box in found)


def test_a_name_further_away_is_joined_to_its_point():
    dots = [scatter.Dot(f"same place {i}", 1.0, 1.0) for i in range(9)]
    plot = scatter.plot("", [*dots, scatter.Dot("other", 2, 2)], ("x", "y"), ("higher", "lower"))
    (far, *_) = [mark for mark in plot.marks if mark.leader]
    assert far.leader.startswith(f"M{far.x:g} {far.y:g}L{far.label.x:g} ")
    assert all(bool(mark.leader) == mark.label.far for mark in plot.marks)


def test_swapped_levels_are_joined_to_their_method_and_unnamed_where_there_is_no_room():
    levels = [scatter.Dot("good", 1 + 0.3 * i, 1.0 * i, level=f"{4 << i} px") for i in (1, 2, 3)]
    dots = [scatter.Dot("good", 1.0, 0.0), *levels, scatter.Dot("fair", 3.0, 5.0)]
    plot = scatter.plot("", dots, ("x", "y"), ("higher", "lower"))
    assert [mark.name for mark in plot.marks] == ["good", "8 px", "16 px", "32 px", "fair"]
    ends = [f"{mark.x:g} {mark.y:g}" for mark in plot.marks[:4]]
    assert plot.trails == ("M" + "L".join(ends),)
    assert "good 8 px: x 1.3, y 1" in plot.description
    crowd = [scatter.Dot("good", 1.0, 0.0, level=f"{i} px") for i in range(40)]
    crowded = scatter.plot("", [*dots, *crowd], ("x", "y"), ("higher", "lower"))
    names = [mark.name for mark in crowded.marks if mark.label]
    assert len(crowded.marks) - len(names) > 20
    assert {"good", "fair"} <= set(names)


def test_a_bar_of_deviation_lies_within_its_plot():
    dots = [scatter.Dot("wide", 1.0, 1.0, 5.0, 7.0), scatter.Dot("narrow", 1.1, 1.1)]
    plot = scatter.plot("", dots, ("x", "y"), ("higher", "lower"))
    bars = re.findall(r'<path d="([^"]*)" style="fill: none; stroke: var\(--accent\)', plot.drawing)
    xs, ys = (numbers("".join(f'<path d="{bar}"' for bar in bars))[i::2] for i in (0, 1))
    assert scatter.FRAME.left < min(xs) < plot.marks[0].x < max(xs) < scatter.FRAME.right
    assert scatter.FRAME.top < min(ys) < plot.marks[0].y < max(ys) < scatter.FRAME.bottom


def test_minutes_on_the_page_are_the_median_over_seeds(tmp_path):
    runs = pages.zoo()
    for run in runs:
        run["cost"] = run["cost"] | {"seconds": 6000.0 if run["seed"] == 1 else 60.0}
    found, _ = read_tables(Selection(folder=pages.write(tmp_path, runs, pictures=False)))
    spent = dict(spending(found[0])["rows"])
    assert spent["good"][0] == ("1.0", 1.0)
    (*_, cost) = scatter.plots(found[0], pages.DATA[0])
    assert "minutes of training, median ↓</text>" in cost.drawing
    assert {mark.description.partition(", KID")[0] for mark in cost.marks} == {
        f"{name}: minutes of training, median ↓ 1" for name in pages.METHODS
    }


def test_methods_stand_by_mean_rank_and_those_without_behind_them(tmp_path):
    runs = [*pages.zoo(), *(pages.record("quick", pages.DATA[0], s, 0.001) for s in range(3))]
    found, _ = read_tables(Selection(folder=pages.write(tmp_path, runs, pictures=False)))
    (one,) = found
    assert overview.order(one) == ["good", "fair", "weak", "quick", "torn"]
    grid, _ = image_grids(one, overview.order(one), Sprites({}))
    assert [c.name for c in grid.columns] == ["good", "fair", "weak", "quick", "torn"]


def test_the_tinted_corner_is_the_better_one():
    frame, disc = scatter.FRAME, scatter.DISC
    assert scatter.quarter(("higher", "lower")).startswith(f"M{frame.right} {frame.bottom}h-")
    assert scatter.quarter(("lower", "higher")).startswith(f"M{frame.left} {frame.top}h{disc}A")


def test_the_page_opens_with_one_person_through_every_method_beside_the_truth(page):
    main = page.partition("<main")[2]
    first = re.findall(r'<section id="([a-z]+)', main)
    assert first[:3] == ["glance", "compare", "overview"]
    glance = main[: main.index('<section id="compare"')]
    heads = re.findall(r'<th scope="col">([^<]*)</th>', glance)
    assert heads == ["a shot", "photo", "good", "fair", "weak", "torn", "truth"]
    assert [re.findall(rf'--i:(\d+)" role="img" aria-label="{name}, {data}"', glance)
            for name in ("a shot", "photo", "good", "truth") for data in pages.DATA] == [
        ["0"], ["0"], ["8"], ["8"], ["8"], ["8"], ["0"], ["0"],
    ]  # fmt: skip


def test_a_curve_runs_from_its_first_to_its_last_value_on_a_common_scale():
    runs = {
        "a": {"kimg": [1, 2], "loss": [0.0, 4.0], "p": [0, 0]},
        "b": {"kimg": [1, 2, 4], "loss": [2.0, None, 8.0], "p": [0] * 3},
        "none": {},
    }
    made = {
        name: [Record.from_json(pages.record(name, "d", 0, 0.1, curves=own))]
        for name, own in runs.items()
    }
    (loss,) = curves.readings(made)  # p never moves
    assert (loss.reading, loss.low, loss.high, loss.kimg) == ("loss", "0", "8", "4")
    assert [panel.name for panel in loss.panels] == ["a", "b"]
    assert loss.panels[0].lines == (("seed 0", "25,100 50,50"),)
    assert loss.panels[1].lines == (("seed 0", "25,75 100,0"),)
