"""Synthetic records for the tests of tables, and what a command prints of them."""

from benchmarks import leaderboard
from benchmarks.harness.leaderboard import pivot
from benchmarks.harness.records.record import SCHEMA, Provenance, Record

PROVENANCE = tuple(k for k, field in Provenance.model_fields.items() if field.is_required())
"""What the provenance of every record holds."""


def record(method, data, seed, kid, **changed):
    """A synthetic record, for tests only."""
    base = {
        "schema": SCHEMA,
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
        "provenance": dict.fromkeys(PROVENANCE, "x")
        | {"started": "2026-01-01T00:00:00+00:00", "device": "cpu", "code": "c"},
        "config": {"eval": {"samples": 9}, "data": {"style": data, "cache": f"/tmp/{seed}"}},
    }
    return base | changed


def zoo():
    """Three methods on two data sets with three seeds; one fails once, one runs but once."""
    kids = {"good": 0.010, "fair": 0.020, "weak": 0.030}
    runs = [
        record(method, data, seed, kid + 0.0001 * seed)
        for method, kid in kids.items()
        for data in ("d1", "d2")
        for seed in range(3)
    ]
    failed = record("torn", "d1", 0, 0.0, metrics={}, state="failed", reason="loss is nan")
    return [*runs, failed, record("torn", "d1", 1, 0.001), record("once", "d2", 0, 0.001)]


def faults(node):
    """What is wrong with a record, in sentences; empty when it is sound."""
    try:
        Record.from_json(node)
    except ValueError as error:
        return str(error)
    return ""


def build(runs):
    """The tables of records that are JSON."""
    return pivot.build(map(Record.from_json, runs))


def write(folder, runs):
    """Records as they lie in a folder of results; the folder."""
    for i, run in enumerate(runs):
        Record.from_json(run).write(folder / "runs" / f"{i}.json")
    return folder


def printed(capsys, folder, *words):
    leaderboard.main.__wrapped__(["--folder", str(folder), *words])
    return capsys.readouterr().out
