"""Mean ranks: over which data sets, of which methods, and what is said of the others."""

import csv
import io
import itertools
import json
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import leaderboard
from benchmarks.harness.leaderboard import ranking
from benchmarks.harness.leaderboard.comparison import compare
from core.errors import UserError
from tests.helpers.records import build, printed, record, write, zoo


@pytest.fixture
def folder(tmp_path):
    return partial(write, tmp_path)


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
        record("good", data, seed, kid, overrides=words, of="whole", recipe=f"{level:08x}")
        for data in ("d1", "d2")
        for seed in range(3)
    ]


def test_swapped_layers_are_rows_of_the_same_columns_and_are_not_ranked():
    before, after = (build(runs)[0] for runs in (zoo(), [*zoo(), *swapped(0.001, 8)]))
    assert after.data == before.data == ("d1", "d2")
    assert after.columns == before.columns
    assert "good (swap.resolution=8)" in [row.label for row in after.rows]
    found, known = (ranking.rank(table, "kid@net") for table in (after, before))
    assert found.ranks == known.ranks == {"good": 1.0, "fair": 2.0, "weak": 3.0}
    assert (found.swapped, known.swapped) == (True, False)
    assert compare(after, "kid", "").critical == compare(before, "kid", "").critical


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
    extra = [record(m, "d3", s, 0.01) for m in ("good", "fair") for s in range(3)]
    (table,) = build([*zoo(), *extra])
    found = ranking.rank(table, "kid@net")
    # good, fair and weak on d1 and d2 are 6 cells, as are good and fair on d1 to d3.
    assert found.data == ("d1", "d2", "d3")
    assert found.ranks == {"good": pytest.approx(3.5 / 3), "fair": pytest.approx(5.5 / 3)}
    assert found.left_out == {
        "once": "not run on d1, d3",
        "torn": "not run on d2, d3; diverged with a seed on d1",
        "weak": "not run on d3",
    }
    (table,) = build([*zoo(), record("good", "d3", 0, 0.01)])
    found = ranking.rank(table, "kid@net")
    assert (found.data, found.unused) == (("d1", "d2"), ("d3",))
    assert found.ranks == {"good": 1.0, "fair": 2.0, "weak": 3.0}
    assert compare(table, "kid", "").critical == pytest.approx(2.34, abs=0.01)


def test_data_with_fewer_seeds_are_ranked_only_where_there_are_no_others():
    real = [record(m, "real", 0, kid) for m, kid in (("weak", 0.1), ("fair", 0.2), ("good", 0.3))]
    (table,) = build([*zoo(), *real])
    found = ranking.rank(table, "kid@net")
    assert (found.data, found.unused, found.provisional) == (("d1", "d2"), ("real",), False)
    assert found.ranks == {"good": 1.0, "fair": 2.0, "weak": 3.0}
    (alone,) = build(real)
    found = ranking.rank(alone, "kid@net")
    assert found.ranks == {"weak": 1.0, "fair": 2.0, "good": 3.0}
    assert found.provisional


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
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
        leaderboard.main.__wrapped__(["--folder", str(folder(runs)), "--rank", "kid"])
