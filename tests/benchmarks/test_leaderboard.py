import copy
import csv
import io
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import record as records
from benchmarks.leaderboard import __main__ as leaderboard
from benchmarks.leaderboard import (
    board,
    grid,
    latex,
    markdown,
    numbering,
    published,
    ranking,
    readme,
)
from benchmarks.leaderboard.contest import hold
from core.errors import UserError

RESULTS = Path(__file__).parent.parent.parent / "results"
HOSTILE = "a_b%&#$\\{}~^<script>alert(1)</script>|`*\n\"'é漢"


def made(method, data, seed, kid, **changed):
    """A synthetic record, for tests only."""
    base = {
        "schema": 1,
        "method": method,
        "data": data,
        "source": "src",
        "eval": "fewshot",
        "seed": seed,
        "recipe": f"{abs(hash((method, data))) % 16**8:08x}",
        "overrides": [],
        "paper": "arXiv:0000.00000",
        "metrics": {
            "kid@net": {"value": kid, "better": "lower", "n": 9, "details": {"source": 0.5}},
            "identity@net": {"value": 1 - kid, "better": "higher", "n": 9, "details": {}},
        },
        "left_out": {},
        "cost": {"images": 2400, "seconds": 90.0, "trainable": 30, "peak_bytes": 4},
        "provenance": dict.fromkeys(records.PROVENANCE, "x")
        | {"started": "2026-01-01T00:00:00+00:00", "device": "cpu"},
        "config": {"eval": {"samples": 9}, "data": {"style": data, "cache": f"/tmp/{seed}"}},
    }
    return base | changed


def zoo():
    """Three methods on two data sets with three seeds; one fails once, one runs but once."""
    kids = {"good": 0.010, "fair": 0.020, "weak": 0.030}
    runs = [
        made(method, data, seed, kid + 0.0001 * seed)
        for method, kid in kids.items()
        for data in ("d1", "d2")
        for seed in range(3)
    ]
    failed = made("torn", "d1", 0, 0.0, metrics={}, state="failed", reason="loss is nan")
    return [*runs, failed, made("torn", "d1", 1, 0.001), made("once", "d2", 0, 0.001)]


@pytest.fixture
def folder(tmp_path):
    def write(runs):
        for i, run in enumerate(runs):
            records.write(tmp_path / "runs" / f"{i}.json", run)
        return tmp_path

    return write


def printed(capsys, folder, *words):
    leaderboard.command(["--folder", str(folder), *words])
    return capsys.readouterr().out


def test_best_is_bold_and_second_underlined_among_sound_cells_only(capsys, folder):
    text = printed(capsys, folder(zoo()), "--metric", "kid", "--data", "d1")
    assert "| good | **10.1 ± 0.1** |" in text
    assert "| fair | <ins>20.1 ± 0.1</ins> |" in text
    assert "| torn | 1.0✗1 |" in text  # better than all, but one of its two seeds diverged
    assert "| *unadapted source* | 500.0 |" in text


def test_missing_and_provisional_cells_are_marked_apart(capsys, folder):
    text = printed(capsys, folder(zoo()), "--metric", "kid@net")
    assert "| once | – | 1.0° |" in text
    assert "| torn | 1.0✗1 | – |" in text


def test_a_method_of_which_every_seed_diverged_is_shown(capsys, folder):
    lost = [made("lost", "d1", s, 0, metrics={}, state="failed", reason="nan") for s in range(3)]
    assert "| lost | ✗ |" in printed(capsys, folder([*zoo(), *lost]), "--data=d1", "--metric=kid")


def test_ties_at_the_printed_precision_share_the_medal():
    runs = [made(m, "d", s, k) for m, k in (("a", 0.01001), ("b", 0.01002)) for s in range(3)]
    (table,) = board.build(runs)
    kid = next(c for c in table.columns if c.metric == "kid@net")
    assert table.medals["a", kid] == table.medals["b", kid] == 1


def test_two_protocols_never_share_a_column_and_the_refusal_says_what_differs():
    other = made("fair", "d", 0, 0.1, config={"eval": {"samples": 10}, "data": {"style": "d"}})
    with pytest.raises(UserError, match=r"eval\.samples \(9 and 10\)"):
        board.build([made("good", "d", 0, 0.1), other])


def test_the_cache_and_the_schedule_are_no_part_of_the_protocol():
    assert board.build([made("good", "d", 0, 0.1), made("good", "d", 1, 0.1)])


def test_metrics_by_untrained_networks_are_never_printed(capsys, folder):
    runs = zoo()
    for run in runs:
        if run["metrics"]:
            proof = {
                "fd@random-resnet18": {"value": 3.25, "better": "lower", "n": 9, "details": {}}
            }
            run["metrics"] = run["metrics"] | proof
    (table,) = board.build(runs)
    assert {column.metric for column in table.columns} == {"kid@net", "identity@net"}
    assert "random" not in printed(capsys, folder(runs), "--metric", "fd", "--metric", "kid")


def test_another_recipe_of_one_name_is_another_row_and_never_pooled():
    old = made("good", "d", 0, 0.9, recipe="0ldcafe0")
    new = [made("good", "d", s, 0.1) for s in range(3)]
    for run in new:
        run["provenance"]["started"] = "2026-02-01T00:00:00+00:00"
    (table,) = board.build([*new, old])
    assert [row.label for row in table.rows] == ["good", "good (recipe 0ldcafe0)"]
    assert [len(row.records) for row in table.rows] == [3, 1]


def test_changed_numbers_of_a_method_name_its_row_and_those_of_the_data_its_column():
    changed = made("good", "d", 0, 0.1, overrides=["method.lr=0.1", "data.shots=5"])
    (table,) = board.build([changed])
    assert (table.rows[0].label, table.data) == ("good (lr=0.1)", ("d data.shots=5",))


def test_runs_of_uncommitted_code_are_left_out_and_counted(capsys, folder):
    soiled = made("good", "d1", 9, 0.0)
    soiled["provenance"]["dirty"] = True
    leaderboard.command(["--folder", str(folder([*zoo(), soiled])), "--data", "d1"])
    said = capsys.readouterr()
    assert "**10.1 ± 0.1**" in said.out
    assert "left out: 1 records" in said.err


def test_rank_orders_rows_and_says_better_only_where_the_interval_excludes_zero(capsys, folder):
    text = printed(capsys, folder(zoo()), "--rank", "kid", "--metric", "kid")
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert rows[0] == "KID ×1000 ↓"
    assert rows[2:5] == ["good", "fair", "weak"]
    assert "| fair | +10.0 worse<br>[+10.0, +10.0] | +10.0 worse<br>[+10.0, +10.0] |" in text
    assert "critical difference 2.34" in text


def swapped(kid, level):
    """The runs of the best method of the zoo with swapped layers, better than all."""
    words = [f"swap.resolution={level}"]
    return [
        made("good", data, seed, kid, overrides=words, of="whole", recipe=f"{level:08x}")
        for data in ("d1", "d2")
        for seed in range(3)
    ]


def test_swapped_layers_are_rows_of_the_same_columns_and_are_not_ranked():
    before, after = (board.build(runs)[0] for runs in (zoo(), [*zoo(), *swapped(0.001, 8)]))
    assert after.data == before.data == ("d1", "d2")
    assert after.columns == before.columns
    assert "good (swap.resolution=8)" in [row.label for row in after.rows]
    found, known = (ranking.rank(table, "kid@net") for table in (after, before))
    assert found.ranks == known.ranks == {"good": 1.0, "fair": 2.0, "weak": 3.0}
    assert (found.swapped, known.swapped) == (True, False)
    assert hold(after, "kid", "").critical == hold(before, "kid", "").critical


def test_rows_of_swapped_layers_follow_their_method_by_resolution(capsys, folder):
    runs = [*zoo(), *swapped(0.05, 32), *swapped(0.001, 8), *swapped(0.04, 16)]
    text = printed(capsys, folder(runs), "--rank", "kid", "--metric", "kid", "--format=csv")
    assert {row["data"] for row in csv.DictReader(io.StringIO(text))} == {"d1", "d2"}
    text = printed(capsys, folder(runs), "--rank", "kid", "--metric", "kid")
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    levels = [rf"good (swap.resolution={level})" for level in (8, 16, 32)]
    plain = [name.replace("\\", "") for name in rows]
    assert plain[2:7] == ["good", *levels, "fair"]
    assert "| good (swap.resolution=8) | **1.0 ± 0.0** |" in text.replace("\\", "")
    assert "rows of swapped layers are not ranked" in text


def test_ranks_are_over_the_data_sets_that_all_compared_methods_have_and_say_who_is_left_out():
    extra = [made(m, "d3", s, 0.01) for m in ("good", "fair") for s in range(3)]
    (table,) = board.build([*zoo(), *extra])
    found = ranking.rank(table, "kid@net")
    # good, fair and weak on d1 and d2 are 6 cells, as are good and fair on d1 to d3.
    assert found.data == ("d1", "d2", "d3")
    assert found.ranks == {"good": pytest.approx(3.5 / 3), "fair": pytest.approx(5.5 / 3)}
    assert found.left_out == {
        "once": "not run on d1, d3",
        "torn": "not run on d2, d3; diverged with a seed on d1",
        "weak": "not run on d3",
    }
    (table,) = board.build([*zoo(), made("good", "d3", 0, 0.01)])
    found = ranking.rank(table, "kid@net")
    assert (found.data, found.unused) == (("d1", "d2"), ("d3",))
    assert found.ranks == {"good": 1.0, "fair": 2.0, "weak": 3.0}
    assert hold(table, "kid", "").critical == pytest.approx(2.34, abs=0.01)


@given(known=st.lists(st.frozensets(st.sampled_from("abcd")), max_size=6))
def test_the_largest_table_without_a_gap_is_found(known):
    chosen = ranking.largest(known, "abcd")
    sizes = [
        (rows > 1, rows * n)
        for n in (1, 2, 3, 4)
        for some in itertools.combinations("abcd", n)
        if (rows := sum(set(some) <= own for own in known))
    ]
    rows = sum(set(chosen) <= own for own in known)
    assert (rows > 1, rows * len(chosen)) == max(sizes) if sizes else chosen == ()


def test_every_form_says_which_methods_have_no_rank_and_why(capsys, folder):
    where = folder(zoo())
    for form in ("markdown", "latex", "html"):
        text = printed(capsys, where, "--rank=kid", f"--format={form}").replace("\\", "")
        assert text.count("torn (not run on d2; diverged with a seed on d1)") == 2  # table, ranks
    (found,) = json.loads(printed(capsys, where, "--rank=kid", "--format=json"))["comparisons"]
    assert found["ranked_over"] == ["d1", "d2"]
    assert found["without_rank"].keys() == {"once", "torn"}


def test_a_rank_by_a_name_of_several_metrics_is_refused(folder):
    runs = zoo()
    for run in runs:
        if run["metrics"]:
            run["metrics"] = run["metrics"] | {"kid@other": run["metrics"]["kid@net"]}
    with pytest.raises(UserError, match="name its extractor"):
        leaderboard.command(["--folder", str(folder(runs)), "--rank", "kid"])


def test_json_and_csv_hold_the_same_numbers(capsys, folder):
    where = folder(zoo())
    table = list(csv.DictReader(io.StringIO(printed(capsys, where, "--format=csv"))))
    whole = json.loads(printed(capsys, where, "--format=json", "--rank=kid"))
    assert [float(r["mean"]) for r in table if r["mean"]] == [
        c["mean"] for c in whole["cells"] if "mean" in c
    ]
    assert whole["comparisons"][0]["against"] == "good"
    failing = [c for c in whole["cells"] if c.get("method") == "torn" and c["data"] == "d1"]
    assert failing[0]["state"] == "partly failed"


@pytest.mark.parametrize("form", ["html", "markdown"])
def test_hostile_names_stay_text(capsys, folder, form):
    runs = [
        *zoo(),
        made(HOSTILE, "d", 0, 0.1),
    ]  # in a row, and without rank
    text = printed(capsys, folder(runs), f"--format={form}", "--rank=kid")
    assert "<script" not in text.replace("\\<script", "")


def test_a_spreadsheet_runs_nothing(capsys, folder):
    text = printed(capsys, folder([made("=1+1", "d", 0, 0.1)]), "--format=csv")
    assert next(csv.DictReader(io.StringIO(text)))["method"] == "'=1+1"


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_the_latex_compiles_even_with_hostile_names(folder, tmp_path, capsys):
    runs = [*zoo(), *(made(HOSTILE, d, s, 0.02) for d in ("d1", "d2") for s in range(3))]
    where = folder(runs)
    shutil.copy(RESULTS / "published.csv", where / "published.csv")
    words = ("--format=latex", "--rank=kid", "--reported", "--to", str(tmp_path / "t.tex"))
    printed(capsys, where, *words)
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "t.pdf").stat().st_size > 10_000


def wide():
    """A table of two metrics on seven data sets."""
    runs = [made(m, f"set_{i}", s, 0.1) for m in "ab" for i in range(7) for s in range(3)]
    return board.build(runs)[0]


def test_a_wide_table_is_cut_between_data_sets_and_loses_nothing():
    whole = grid.arrange(wide(), (), "kid")
    bands = whole.bands(4)
    assert [len(band.columns) for band in bands] == [4, 4, 4, 2]
    assert sum((band.columns for band in bands), ()) == whole.columns
    for i, line in enumerate(whole.lines):
        assert sum((band.lines[i].entries for band in bands), ()) == line.entries
    assert [band.ranked for band in bands] == [False, False, False, True]
    assert [band.costs for band in bands] == [(), (), (), whole.costs]
    assert [len(band.columns) for band in whole.bands(1)] == [2] * 7  # never within a data set
    assert whole.bands(14) == [whole]


def test_latex_sets_no_more_columns_beside_one_another_than_can_be_read():
    text = latex.document([grid.arrange(wide(), (), "kid")], [], [])
    widths = [len(found) for found in re.findall(r"begin\{tabular\}\{l(r+)\}", text)]
    assert widths == [12, 2 + 4]  # a rank and three costs stand in the last


def test_the_page_of_all_tables_has_no_table_too_wide_for_a_screen(folder):
    runs = [made(m, f"set_{i}", s, 0.1) for m in "ab" for i in range(5) for s in range(3)]
    for run in runs:
        more = {f"{name}@net": run["metrics"]["kid@net"] for name in numbering.STYLES}
        run["metrics"] = more | run["metrics"]
    text = readme.text(folder(runs))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert max(row.count(" | ") for row in rows) <= 9
    assert max(len(re.sub("<br>[^|]*", "", row)) for row in rows) <= 150
    for metric in ("KID", "intra", "identity", "landmarks"):  # one table each, over all data
        (head,) = (row for row in rows if row.startswith(f"| {metric}"))
        assert head.count("set") == 5
    assert text.count("mean rank<br>") == 1


def test_minutes_are_the_median_over_seeds_for_other_work_only_ever_adds(capsys, folder):
    runs = [made("good", data, seed, 0.1) for data in ("d1", "d2") for seed in range(3)]
    runs[2]["cost"] = runs[2]["cost"] | {"seconds": 9000.0}  # a busy machine
    runs[3]["cost"] = runs[3]["cost"] | {"seconds": 240.0}
    for run in runs[4:]:
        run["cost"] = run["cost"] | {"seconds": 120.0}
    where = folder(runs)
    text = printed(capsys, where, "--metric=kid")
    assert "| 2,400 | 1.5–2.0 | 30 |" in text
    assert "median over seeds, least–most of the data sets" in text
    lines = list(csv.DictReader(io.StringIO(printed(capsys, where, "--format=csv"))))
    assert {row["data"]: row["minutes"] for row in lines if row["kind"] == "measured"} == {
        "d1": "1.5",
        "d2": "2.0",
    }


def test_every_special_sign_of_latex_is_escaped():
    assert latex.escape("a_b&c%d#e$f") == r"a\_b\&c\%d\#e\$f"
    assert latex.escape("\\input{x}") == r"\textbackslash{}input\{x\}"


def test_the_committed_page_is_what_the_records_give():
    assert (RESULTS / "README.md").read_text(encoding="utf-8") == readme.text(RESULTS)


def test_published_figures_are_sound_and_say_where_they_were_seen():
    figures = published.read(RESULTS / "published.csv")
    assert all(f.paper and f.table and (f.seen_in or f.seen == "unverified") for f in figures)
    assert "**" not in markdown.reported(figures)
    cdc = [f for f in figures if f.protocol.startswith("A") and f.method == "CDC"]
    assert [(f.target, f.value) for f in cdc] == [
        ("babies", "74.39"),
        ("sunglasses", "42.13"),
        ("sketches", "45.67"),
    ]


def test_a_published_figure_that_is_no_number_is_refused(tmp_path):
    text = (RESULTS / "published.csv").read_text().replace("104.79", "about 100")
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(UserError, match="line 2"):
        published.read(tmp_path / "p.csv")


def test_a_name_that_is_not_there_is_refused_with_those_that_are(folder):
    where = folder(zoo())
    for words, said in (
        (("--metric", "kidd"), "identity@net, kid@net"),
        (("--rank", "kid", "--against", "nobody"), "good"),
        (("--data", "d9"), "No record fits"),
    ):
        with pytest.raises(UserError, match=said):
            leaderboard.command(["--folder", str(where), *words])


def test_a_run_with_two_records_is_refused(folder):
    run = made("good", "d", 0, 0.1)
    with pytest.raises(UserError, match="the same run"):
        leaderboard.command(["--folder", str(folder([run, copy.deepcopy(run)]))])
