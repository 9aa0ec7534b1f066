import copy
import csv
import io
import json
import re
import shutil
import subprocess
from functools import partial

import pytest

from benchmarks import leaderboard
from benchmarks.harness.leaderboard import (
    layout,
    markup,
    metric_formats,
    published_numbers,
    ranking,
    readme,
)
from benchmarks.harness.leaderboard.selection import Content
from core.errors import UserError
from core.paths import ROOT
from tests.helpers.records import build, printed, record, write, zoo

RESULTS = ROOT / "results"
HOSTILE = "a_b%&#$\\{}~^<script>alert(1)</script>|`*\n\"'é漢"


@pytest.fixture
def folder(tmp_path):
    return partial(write, tmp_path)


@pytest.mark.parametrize("form", ["markdown", "latex", "html"])
def test_what_a_method_also_looks_through_is_a_column(capsys, folder, form):
    plain = zoo()
    assert "looks through" not in printed(capsys, folder(plain), "--format", form)
    runs = [record("keen", "d1", seed, 0.1) for seed in (0, 1)]
    for run in runs:
        run["config"]["method"] = {"loss": {"network": {"_target_": "Guide"}}}
    text = printed(capsys, folder([*plain, *runs]), "--format", form)
    assert "also looks through" in text
    assert text.count("guide") == 2  # the row of keen, and what it means
    assert "2,400 people" in text


@pytest.mark.parametrize(("seeds", "said"), [(3, True), (1, False)])  # of one there is no ±
def test_a_table_of_one_draw_says_so(capsys, folder, seeds, said):
    runs = [run for run in zoo() if run["seed"] < seeds]
    for run in runs:
        run["config"]["data"]["draw"] = 4
    text = " ".join(printed(capsys, folder(runs)).split())
    assert ("all of draw 4 of the shots" in text) == said


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


def test_the_mark_of_what_the_source_has_no_number_in_is_explained(capsys, folder):
    where = folder([record("good", "d", 0, 0.1)])
    assert "· not measured there" in printed(capsys, where)
    assert "·" not in printed(capsys, where, "--metric=kid")


def test_a_method_of_which_every_seed_diverged_is_shown(capsys, folder):
    lost = [record("lost", "d1", s, 0, metrics={}, state="failed", reason="nan") for s in range(3)]
    assert "| lost | ✗ |" in printed(capsys, folder([*zoo(), *lost]), "--data=d1", "--metric=kid")


def test_ties_at_the_printed_precision_share_the_medal():
    runs = [record(m, "d", s, k) for m, k in (("a", 0.01001), ("b", 0.01002)) for s in range(3)]
    (table,) = build(runs)
    kid = next(c for c in table.columns if c.metric == "kid@net")
    assert table.medals["a", kid] == table.medals["b", kid] == 1


def test_two_protocols_never_share_a_column_and_the_refusal_says_what_differs():
    other = record("fair", "d", 0, 0.1, config={"eval": {"samples": 10}, "data": {"style": "d"}})
    with pytest.raises(UserError, match=r"eval\.samples \(9 and 10\)"):
        build([record("good", "d", 0, 0.1), other])


def test_the_cache_and_the_schedule_are_no_part_of_the_protocol():
    assert build([record("good", "d", 0, 0.1), record("good", "d", 1, 0.1)])


def test_metrics_by_untrained_networks_are_never_printed(capsys, folder):
    runs = zoo()
    for run in runs:
        if run["metrics"]:
            proof = {
                "fd@random-resnet18": {"value": 3.25, "better": "lower", "n": 9, "details": {}}
            }
            run["metrics"] = run["metrics"] | proof
    (table,) = build(runs)
    assert {column.metric for column in table.columns} == {"kid@net", "identity@net"}
    assert "random" not in printed(capsys, folder(runs), "--metric", "fd", "--metric", "kid")


def test_another_recipe_of_one_name_is_another_row_and_never_pooled():
    old = record("good", "d", 0, 0.9, recipe="0ldcafe0")
    new = [record("good", "d", s, 0.1) for s in range(3)]
    for run in new:
        run["provenance"]["started"] = "2026-02-01T00:00:00+00:00"
    (table,) = build([*new, old])
    assert [row.label for row in table.rows] == ["good", "good (recipe 0ldcafe0)"]
    assert [len(row.records) for row in table.rows] == [3, 1]


def test_changed_numbers_of_a_method_name_its_row_and_those_of_the_data_its_column():
    changed = record("good", "d", 0, 0.1, overrides=["method.lr=0.1", "data.shots=5"])
    (table,) = build([changed])
    assert (table.rows[0].label, table.data) == ("good (lr=0.1)", ("d data.shots=5",))


def test_other_shots_are_another_table_and_other_places_are_not():
    one = [record("good", d, 0, 0.1, overrides=["data.shots=1"]) for d in ("d1", "d2")]
    many, few = build([*zoo(), *one])
    assert (many.data, many.title) == (("d1", "d2"), "source src, evaluation fewshot")
    assert few.data == ("d1 data.shots=1", "d2 data.shots=1")
    assert few.title == "source src, evaluation fewshot, data.shots=1"
    assert ranking.rank(many, "kid@net").unused == ()
    mine = record("good", "folder", 0, 0.1, overrides=["data.root=/here"])
    assert len(build([*zoo(), mine])) == 1


def test_a_sources_own_training_leads_no_table():
    runs = [*zoo(), record("scratch", "d1", 0, 0.0001)]
    runs += [record("scratch", "d1", s, 0.0001, source="blank") for s in range(3)]
    first, last = build(runs)
    assert (first.source, last.source) == ("src", "blank")
    labels = [row.label for row in layout.arrange(first, (), "").rows]
    assert labels == ["fair", "good", "once", "torn", "weak", "scratch", "unadapted source"]


@pytest.mark.parametrize("unknown", [{"dirty": True}, {"code": ""}])
def test_runs_of_code_that_nobody_knows_are_left_out_and_counted(capsys, folder, unknown):
    soiled = record("good", "d1", 9, 0.0)
    soiled["provenance"] |= unknown
    leaderboard.main.__wrapped__(["--folder", str(folder([*zoo(), soiled])), "--data", "d1"])
    said = capsys.readouterr()
    assert "**10.1 ± 0.1**" in said.out
    assert "left out: 1 records" in said.err


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
        record(HOSTILE, "d", 0, 0.1),
    ]  # in a row, and without rank
    text = printed(capsys, folder(runs), f"--format={form}", "--rank=kid")
    assert "<script" not in text.replace("\\<script", "")


def test_a_spreadsheet_runs_nothing(capsys, folder):
    text = printed(capsys, folder([record("=1+1", "d", 0, 0.1)]), "--format=csv")
    assert next(csv.DictReader(io.StringIO(text)))["method"] == "'=1+1"


PAPER = r"""\documentclass{article}
\usepackage{booktabs,graphicx%s}
\newcommand{\second}[1]{\emph{#1}}
\begin{document}
See Table~\ref{tab:source-src-evaluation-fewshot}.
\input{tables}
\end{document}
"""


def compiled(folder, name):
    """What pdflatex says of a document, twice, so that references are known."""
    line = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", name]
    for _ in range(2):
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / name).with_suffix(".pdf").stat().st_size > 10_000
    return done.stdout


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
@pytest.mark.parametrize("hostile", [True, False])
def test_the_latex_compiles_by_itself_and_within_a_paper(folder, tmp_path, capsys, hostile):
    runs = [*zoo(), *(record(HOSTILE, d, s, 0.02) for d in ("d1", "d2") for s in range(3))]
    where = folder(runs if hostile else zoo())
    shutil.copy(RESULTS / "published.csv", where / "published.csv")
    words = ("--rank=kid", *(["--reported"] if hostile else []), "--to")
    if hostile:
        printed(capsys, where, "--format=latex", *words, str(tmp_path / "t.tex"))
        compiled(tmp_path, "t.tex")
    printed(capsys, where, "--format=latex-input", *words, str(tmp_path / "tables.tex"))
    more = r",longtable}\usepackage[T1]{fontenc" if hostile else ""
    (tmp_path / "paper.tex").write_text(PAPER % more)
    assert "undefined" not in compiled(tmp_path, "paper.tex")


@pytest.mark.parametrize("form", ["latex", "latex-input"])
def test_latex_has_the_names_that_papers_have_and_a_caption(capsys, folder, form):
    data = ("parafaces_webtoon", "cufs")
    known = ("freezesg", "freezed", "cdc", "mine_cdc")
    runs = [record(m, d, s, 0.1) for m in known for d in data for s in range(3)]
    runs += [record("ewc", "cufs", 0, 0.1, overrides=["method.images=40"])]
    text = printed(capsys, folder(runs), f"--format={form}", "--rank=kid")
    rows = [line.split(" & ")[0] for line in text.splitlines() if line.count(" & ") > 3]
    for name in ("FreezeSG", "FreezeD + ADA", "CDC", r"mine\_cdc", "EWC (images=40)"):
        assert name in rows
    words = r"freezesg|(?<!mine\\_)cdc|parafaces\\_webtoon|cufs"
    assert not re.search(words, re.sub(r"\\label\{.*", "", text))
    assert "mean rank in KID over CUFS, ParaFaces Webtoon" in text
    assert "FreezeSG (2.50)" in text  # in the diagram
    assert text.count(r"\caption[") == text.count(r"\label{") == 3
    assert ("documentclass" in text) == (form == "latex")


def wide():
    """A table of two metrics on seven data sets."""
    runs = [record(m, f"set_{i}", s, 0.1) for m in "ab" for i in range(7) for s in range(3)]
    return build(runs)[0]


def test_a_wide_table_is_cut_between_data_sets_and_loses_nothing():
    whole = layout.arrange(wide(), (), "kid")
    bands = whole.bands(4)
    assert [len(band.columns) for band in bands] == [4, 4, 4, 2]
    assert sum((band.columns for band in bands), ()) == whole.columns
    for i, line in enumerate(whole.rows):
        assert sum((band.rows[i].entries for band in bands), ()) == line.entries
    assert [band.ranked for band in bands] == [False, False, False, True]
    assert [band.costs for band in bands] == [(), (), (), whole.costs]
    assert [len(band.columns) for band in whole.bands(1)] == [2] * 7  # never within a data set
    assert whole.bands(14) == [whole]


def test_latex_sets_no_more_columns_beside_one_another_than_can_be_read():
    def widths(form):
        text = markup.document(form, Content([layout.arrange(wide(), (), "kid")], [], [], 0))
        return [len(found) for found in re.findall(r"begin\{tabular\}\{l(r+)\}", text)]

    assert widths("latex") == [12, 2 + 4]  # a rank and three costs stand in the last
    assert widths("latex-input") == [8, 6 + 4]


def test_latex_sets_a_long_name_on_several_lines_that_may_break_within_a_path():
    assert markup.latex_name("cdc (lr=0.1)") == "CDC (lr=0.1)"
    long = markup.latex_name("paired (grown_from=results/out/a/generator.safetensors, lr=0.001)")
    assert long.startswith(r"\parbox[t]{70mm}{\raggedright StyleGAN2 (paired) (grown\_")
    assert r"results/\allowbreak{}out/" in long
    assert "0.001" in long


def test_exemplars_stand_below_the_tables_as_means_over_seeds(folder):
    where = folder([record("good", "d_1", 0, 0.1)])
    assert "exemplars" not in readme.text(where)
    (where / "exemplars").mkdir()
    followed = dict.fromkeys(("colour_found_again", "structure_found_again", "identity"), 0.5)
    for seed, distance in enumerate((0.1, 0.2, 0.3)):
        faces = {f"{name}_distance": distance for name in ("shots", "inverted", "destylised")}
        numbers = {"chance": 0.1, "distance": distance, **followed, **faces}
        told = {"data": "d_1", "method": "own", "numbers": numbers}
        (where / "exemplars" / f"own{seed}.json").write_text(json.dumps(told))
    numbers = {"chance": 0.1, "distance": 0.0, **followed}
    numbers |= {f"rows_{name}": 0.25 for name in ("distance", *followed)}
    told = {"data": "d_1", "method": "other", "numbers": numbers}
    (where / "exemplars" / "other.json").write_text(json.dumps(told))
    text = readme.text(where)
    assert "(by chance: 10%)" in text
    half = "0.500 ± 0.000"
    assert rf"| d\_1 | own | {half} | {half} | 0.200 ± 0.100 | {half} | 3 |" in text
    assert r"| d\_1 | other | 0.500 | 0.500 | 0.000 | 0.500 | 1 |" in text
    assert r"| d\_1 | other, rows exchanged | 0.250 | 0.250 | 0.250 | 0.250 | 1 |" in text
    assert r"| d\_1 | own | 0.200 ± 0.100 | 0.200 ± 0.100 | 0.200 ± 0.100 | 3 |" in text


def test_the_page_of_all_tables_has_no_table_too_wide_for_a_screen(folder):
    runs = [record(m, f"set_{i}", s, 0.1) for m in "ab" for i in range(5) for s in range(3)]
    for run in runs:
        more = {f"{name}@net": run["metrics"]["kid@net"] for name in metric_formats.FORMATS}
        run["metrics"] = more | run["metrics"]
    text = readme.text(folder(runs))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert max(row.count(" | ") for row in rows) <= 9
    assert max(len(re.sub("<br>[^|]*", "", row)) for row in rows) <= 150
    for metric in ("KID", "intra", "identity", "landmarks"):  # one table each, over all data
        (head,) = (row for row in rows if row.startswith(f"| {metric}"))
        assert head.count("set") == 5
    assert text.count("mean rank<br>") == 1


def test_a_data_set_of_its_own_keeps_its_costs_however_many_metrics_it_has(folder):
    run = record("a", "d", 0, 0.1)
    run["metrics"] |= {f"{name}@net": run["metrics"]["kid@net"] for name in metric_formats.FORMATS}
    heads = [row for row in readme.text(folder([run])).splitlines() if row.startswith("| method")]
    assert len(heads) > 1
    assert ["minutes" in head for head in heads] == [False] * (len(heads) - 1) + [True]


def test_minutes_are_the_median_over_seeds_for_other_work_only_ever_adds(capsys, folder):
    runs = [record("good", data, seed, 0.1) for data in ("d1", "d2") for seed in range(3)]
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
    assert markup.latex("a_b&c%d#e$f") == r"a\_b\&c\%d\#e\$f"
    assert markup.latex("\\input{x}") == r"\textbackslash{}input\{x\}"


def test_the_committed_page_is_what_the_records_give():
    assert (RESULTS / "README.md").read_text(encoding="utf-8") == readme.text(RESULTS)


def test_published_figures_are_sound_and_say_where_they_were_seen():
    figures = published_numbers.read(RESULTS / "published.csv")
    assert all(f.paper and f.table and (f.seen_in or f.seen == "unverified") for f in figures)
    assert "**" not in markup.document("markdown", Content([], [], figures, 0))
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
        published_numbers.read(tmp_path / "p.csv")


def test_a_name_that_is_not_there_is_refused_with_those_that_are(folder):
    where = folder(zoo())
    for words, said in (
        (("--metric", "kidd"), "identity@net, kid@net"),
        (("--rank", "kid", "--against", "nobody"), "good"),
        (("--data", "d9"), "No record fits"),
    ):
        with pytest.raises(UserError, match=said):
            leaderboard.main.__wrapped__(["--folder", str(where), *words])


def own_protocol():
    """Beside the usual runs, two of ``mine`` by the smoke evaluation, and one with other shots."""
    short = [record("mine", d, 0, 0.1, eval="smoke", overrides=["method.images=40"])
             for d in ("d1", "d2")]  # fmt: skip
    return [*zoo(), *short, record("weak", "d1", 0, 0.3, eval="smoke"),
            record("alone", "d1", 0, 0.1, overrides=["data.shots=1"])]  # fmt: skip


def test_a_row_is_compared_with_in_the_tables_that_have_it(capsys, folder):
    where = folder(own_protocol())
    asked = ("--rank=kid", "--against")
    text = printed(capsys, where, *asked, "mine (images=40)")
    assert text.count("against mine \\(images=40\\)") == 1
    assert "| good |" in text  # which stays, in a table of its own
    assert text.count("against weak") == 0
    assert printed(capsys, where, *asked, "weak").count("against weak") == 2
    for words, said in (
        ((*asked, "mine"), r"No row with kid is called mine; there are .*mine \(images=40\)"),
        ((*asked, "alone"), "alone stands alone in source src, evaluation fewshot, data.shots=1"),
        (("--against", "good"), "--against good needs --rank METRIC"),
    ):
        with pytest.raises(UserError, match=said):
            printed(capsys, where, *words)


def test_records_are_chosen_by_their_evaluation(capsys, folder):
    where = folder(own_protocol())
    assert "smoke" in printed(capsys, where)
    for words in (("--eval=fewshot",), ("--eval=few*", "--eval=large")):
        text = printed(capsys, where, *words)
        assert "smoke" not in text
        assert "| good |" in text
    with pytest.raises(UserError, match="--eval"):
        printed(capsys, where, "--eval=paper")


def test_a_run_with_two_records_is_refused(folder):
    run = record("good", "d", 0, 0.1)
    with pytest.raises(UserError, match="the same run"):
        leaderboard.main.__wrapped__(["--folder", str(folder([run, copy.deepcopy(run)]))])
