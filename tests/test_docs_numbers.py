"""Numbers in README and docs are those of the committed records."""

import json
import re
from collections import defaultdict
from statistics import fmean

import pytest

from benchmarks.harness.records.record import Record
from benchmarks.harness.speed import FORMULATIONS
from core.paths import ROOT

RESULTS = ROOT / "results"
NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")


def page(name):
    return (ROOT / name).read_text(encoding="utf-8")


def tables(text):
    """Every table of a page: its rows as lists of cells, the head first."""
    found = []
    for block in re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE):
        lines = [line.strip("|").split("|") for line in block.splitlines()]
        found.append([[cell.strip(" `†") for cell in line] for line in (lines[0], *lines[2:])])
    return found


def table(text, *head):
    """The rows of the table that has these words in its head."""
    (rows,) = [rows for rows in tables(text) if set(head) <= set(rows[0])]
    return rows


def shows(cell, value):
    """Whether a number is printed as rounded to the digits of its cell."""
    printed = NUMBER.search(cell)[0].replace(",", "")
    half = 0.5 * 10 ** -len(printed.partition(".")[2])
    return abs(float(printed) - value) <= half * (1 + 1e-6)


def runs(pattern):
    """Finished runs of methods as their yamls have them."""
    for path in sorted((RESULTS / "runs").glob(pattern)):
        run = Record.read(path).to_json()
        changed = any(word.startswith(("method.", "swap.")) for word in run["overrides"])
        if run.get("state", "finished") == "finished" and not changed:
            yield run


def test_rounding_is_recognised():
    assert shows("0.58", 0.575)
    assert shows("161 (6.6 x)", 160.6)
    assert not shows("0.58", 0.586)
    assert not shows("161 (6.6 x)", 161.6)


def test_the_table_of_the_readme():
    head, *body = table(page("README.md"), "webtoon", "sketch")
    values, source = defaultdict(list), {}
    for run in runs("*--parafaces_*--parafaces64--*.json"):
        style, kid = run["data"].removeprefix("parafaces_"), run["metrics"]["kid@parafaces"]
        values[run["method"], style].append(kid["value"])
        source["unadapted source", style] = [kid["details"]["source"]]
    assert {len(seeds) for seeds in values.values()} == {3}
    assert {row[0] for row in body} == {label for label, _ in values | source}
    for label, *cells in body:
        for style, cell in zip(head[1:], cells, strict=True):
            assert shows(cell, 1000 * fmean((values | source)[label, style])), (label, style)
    means = [fmean(map(float, cells)) for _, *cells in body]
    assert means == sorted(means)  # the least mean distance on top


def speeds():
    """What was measured of ours, by the label of its row; torch has no level called AMX."""
    for path in sorted((RESULTS / "speed").glob("cpu-*.json")):
        of = "AMX" if path.stem.endswith("-amx") else json.loads(path.read_text())["capability"]
        for one in json.loads(path.read_text())["timings"]:
            if "ratios" in one:
                yield f"{one['case']}, {one['pixels']} px, {one['precision']}, {of}", one


def test_the_table_of_speeds():
    known = dict(speeds())
    head, *body = table(page("docs/speed_and_parity.md"), "here", "NVIDIA's")
    assert [name.lower().removesuffix("'s") for name in head[2:]] == list(FORMULATIONS)
    assert {label for label, *_ in body} == known.keys()
    for label, rate, *ratios in body:
        assert shows(rate, known[label]["best_images_per_second"])
        assert all(map(shows, ratios, known[label]["ratios"].values())), label


def test_the_speeds_of_the_readme():
    found = r"(\S+) to (\S+) times as fast as NVIDIA.*, (\S+) to (\S+) times rosinality"
    ((*nvidia, slow, quick),) = re.findall(found, page("README.md"))
    steps = [one["ratios"] for label, one in speeds() if label.startswith("training step, 64")]
    for shown, name in ((nvidia, "nvidia"), ((slow, quick), "rosinality")):
        ratios = [one[name] for one in steps]
        assert all(map(shows, shown, (min(ratios), max(ratios)))), name


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ("parafaces64", "paired--*--blank64--*"),
        ("parafaces128", "paired--*--blank128--*"),
        ("photo64", "scratch--utkface--*"),
    ],
)
def test_the_tables_of_the_sources(source, pattern):
    (path,) = (RESULTS / "runs").glob(pattern)
    metrics = Record.read(path).to_json()["metrics"]
    (rows,) = [t for t in tables(page("docs/sources.md")) if t[1][0] == source and len(t[0]) == 4]
    _, (_, *own), (_, *real) = rows
    names = [f"{name}@parafaces" for name in ("kid", "precision", "recall")]
    assert all(shows(cell, metrics[name]["value"]) for cell, name in zip(own, names, strict=True))
    for cell, name in zip(real[1:], names[1:], strict=True):
        assert shows(cell, metrics[name]["details"]["real_against_real"])


def test_the_table_of_recognised_people():
    found = defaultdict(list)
    for run in runs("*--cufs_tight--photo64--*.json"):
        metric = run["metrics"]["recognition@mobilefacenet"]
        found[run["method"]].append(50 * metric["value"])
        found["photo"] = [50 * metric["details"]["photo"]]
        found["chance"] = [50 * metric["details"]["chance"]]
        assert metric["n"] == 50
    names = {
        "the untouched photograph": "photo",
        "JoJoGAN with the photograph's colours": "jojogan_colour",
        "JoJoGAN": "jojogan",
        "CDC": "cdc",
        "structure loss": "structure",
        "FreezeG": "freezeg",
        "FreezeSG": "freezesg",
        "FreezeD": "freezed",
        "EWC": "ewc",
        "plain transfer": "finetune",
        "DualStyleGAN": "dualstylegan",
        "chance": "chance",
    }
    _, *body = table(page("docs/metrics_and_protocols.md"), "people recognised")
    assert [label for label, _ in body] == list(names)
    assert set(names.values()) == set(found)  # none is passed over
    for label, cell in body:
        assert shows(cell, fmean(found[names[label]])), label


def test_how_often_an_exemplar_is_retrieved():
    found = defaultdict(list)
    for path in (RESULTS / "exemplars").glob("*.json"):
        run = json.loads(path.read_text())
        for way in ("", "rows_"):
            keys = [f"{way}{kind}_found_again" for kind in ("colour", "structure")]
            if all(key in run["numbers"] for key in keys):
                found[way + run["method"]].append([run["numbers"][key] for key in keys])
    assert [len(found[k]) for k in ("dualstylegan", "finetune", "rows_finetune")] == [15, 5, 5]
    text = page("docs/methods.md")
    percent = [int(p) for p in re.findall(r"(\d+) %", text.partition("## One style")[2])]
    colour, structure = map(fmean, zip(*found["dualstylegan"], strict=True))
    exchanged = map(fmean, zip(*found["rows_finetune"], strict=True))
    values = [colour, structure, fmean(found["finetune"][0]), *exchanged]
    assert len(percent) == len(values)
    assert all(shows(str(p), 100 * value) for p, value in zip(percent, values, strict=True))
