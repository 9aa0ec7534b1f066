"""Whatever is typed, supplied or lies about: it works, or one sentence says why not."""

import copy
import io
import json
import math
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks import leaderboard
from benchmarks.harness.config import validation as checks
from benchmarks.harness.config.build import build
from benchmarks.harness.config.cli import mendable
from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.files import resolved
from benchmarks.harness.data.pictures import Unreadable, decode
from benchmarks.harness.leaderboard import readme
from benchmarks.harness.records.nested import leaves
from benchmarks.harness.records.record import Record
from benchmarks.harness.report.page import render
from benchmarks.harness.training import seeds
from benchmarks.harness.training.monitor import Diverged, TrainingMonitor
from core.errors import UserError
from tests.helpers import pages
from tests.helpers.records import faults

CONF = str(checks.CONF)
RECORDS = sorted((checks.CONF.parent / "results" / "runs").glob("*.json"))
QUIET = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# --- configurations -------------------------------------------------------------------------------

VALUES = ["0", "1", "2", "3", "7", "-1", "0.5", "1e-9", "1e30", ".nan", ".inf", "-.inf", "true",
          "null", "''", "word", "[]", "[1]", "['*']", "{a: 1}", "${seed}", "${nothing}",
          "99999999999999999999"]  # fmt: skip
# They decide where and on what a run computes, or how much it takes; not what is fuzzed here.
INVERSION = "source.invert.invert.otherwise"
FIXED = ("hydra", "folder", "machine", "logger", "source", "data.root", "data.photos_root")


def options(method: str) -> list[str]:
    words = ["source=tiny", "eval=smoke", "data=folder", f"method={method}", "data.root=x"]
    names = leaves(resolved(compose(words).cfg))
    return [n for n in names if not n.startswith(FIXED) and not n.endswith("_target_")]


@st.composite
def overrides(draw):
    method = draw(st.sampled_from(checks.choices_of("method")))
    names = draw(st.lists(st.sampled_from(options(method)), min_size=1, max_size=2, unique=True))
    return [f"method={method}", *(f"{name}={draw(st.sampled_from(VALUES))}" for name in names)]


def first_step(root: Path, folder: Path, words: list[str]) -> str:
    """Takes one step as the command line would; the sentence of what is refused, or nothing."""
    line = ["source=tiny", "eval=smoke", "method.images=4", "method.batch_size=4", "data=folder",
            f"data.root={root}", "data.shots=5", f"folder={folder}", f"{INVERSION}.steps=5",
            f"{INVERSION}.candidates=16", *words]  # fmt: skip
    try:
        job = compose(line)
        checks.check(job.cfg)
        assert job.run_id.name
        cfg = job.cfg
        seeds.everything(cfg.seed, deterministic=True)
        source, domain = build(cfg.source), build(cfg.data)
        adapter = build(cfg.method, source)
        monitor = TrainingMonitor(images=cfg.method.images, every=1)
        trainer = build(cfg.machine.trainer, callbacks=[monitor], logger=False, max_steps=1)
        adapter.prepare(domain.shots)
        trainer.fit(adapter, datamodule=domain)
    except Diverged as error:
        return str(error)
    except Exception as error:
        said = mendable(error)
        if not said:
            raise
        return said
    return ""


@pytest.mark.slow
# Without shrinking: that would take minutes, and two words are short enough.
@pytest.mark.exhaustive
@settings(QUIET, max_examples=12, phases=[Phase.explicit, Phase.generate])
@given(words=overrides())
def test_any_override_takes_its_first_step_or_is_refused_in_a_sentence(root, tmp_path, words):
    said = first_step(root, tmp_path, words)
    assert "Traceback" not in said
    assert len(said.splitlines()) <= 1


# --- pictures -------------------------------------------------------------------------------------


def encoded(kind: str) -> bytes:
    rng = np.random.default_rng(3)
    out = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (24, 17, 3), dtype=np.uint8)).save(out, kind)
    return out.getvalue()


WHOLE = {kind: encoded(kind) for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF")}


@st.composite
def mutated(draw):
    """A picture's bytes, some of them changed, cut out, repeated or put in."""
    data = bytearray(WHOLE[draw(st.sampled_from(sorted(WHOLE)))])
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        how = draw(st.sampled_from(["flip", "cut", "put", "repeat"]))
        if how == "flip":
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del data[at : at + draw(st.integers(1, 64))]
        elif how == "put":
            data[at:at] = draw(st.binary(min_size=1, max_size=16))
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 64))]
    return bytes(data)


@settings(QUIET, max_examples=300)
@given(data=mutated() | st.binary(max_size=64))
def test_mutated_picture_bytes_are_a_picture_or_unreadable(data):
    for framing in ("crop", "fit"):
        said = ""
        try:
            picture = decode(data, "some.png", 16, framing)
        except Unreadable as fault:
            said = str(fault)
        if said:
            assert "some.png" in said
            assert len(said.splitlines()) == 1
        else:
            assert picture.pixels.shape == (16, 16, 3)
            assert picture.pixels.dtype == np.uint8


def png_of_size(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims a size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(
            ">I", zlib.crc32(kind + data)
        )  # fmt: skip

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(1 << 14, 1 << 14), (1 << 30, 1 << 30), (1, 1 << 31)])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(size):
    with pytest.raises(Unreadable):
        decode(png_of_size(*size), "bomb.png", 64, "crop")


# --- records --------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(node, path=()):
    """Paths of all entries of a JSON value."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


SOUND = json.loads(RECORDS[0].read_text(encoding="utf-8"))


@st.composite
def disturbed(draw, sound=SOUND):
    """A sound record with entries replaced or taken out."""
    record = copy.deepcopy(sound)
    for path in draw(st.lists(st.sampled_from(list(places(sound))), min_size=1, max_size=3)):
        node = record
        for key in path[:-1]:
            try:
                node = node[key]
            except (KeyError, IndexError, TypeError):
                node = None
            if not isinstance(node, dict | list):
                break
        else:
            key = path[-1]
            known = key in (node if isinstance(node, dict) else range(len(node)))
            if draw(st.booleans()) and (known or isinstance(node, dict)):
                node[key] = draw(JSON)
            elif known:
                del node[key]
    return record


@settings(QUIET, max_examples=300)
@given(record=disturbed() | JSON)
@example(record={**SOUND, "metrics": {"a@b": {"value": 1, "better": [], "n": 1}}})
@example(record={**SOUND, "state": []})
@example(record={**SOUND, "metrics": {"a@b": {"value": 10**400, "better": "lower", "n": 1}}})
def test_a_disturbed_record_is_judged_and_never_crashes(tmp_path, record):
    endless = [v for v in leaves(record).values() if isinstance(v, float) and not math.isfinite(v)]
    wrong = faults(record) or endless  # which JSON has no number for, wherever they stand
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    if wrong:
        with pytest.raises(UserError):
            Record.read(path)
    else:
        assert Record.read(path).disagreement(Record.from_json(SOUND)) is not None


@settings(QUIET, max_examples=200)
@given(data=st.binary(max_size=40), at=st.integers(0, 2000))
def test_a_record_file_with_foreign_bytes_is_refused_or_sound(tmp_path, data, at):
    raw = RECORDS[0].read_bytes()
    path = tmp_path / "record.json"
    path.write_bytes(raw[:at] + data + raw[at + len(data) :])
    said = ""
    try:
        found = Record.read(path).to_json()
    except UserError as error:
        said = str(error)
    assert str(path) in said if said else faults(found) == ""


def test_a_record_nested_beyond_reason_is_refused(tmp_path):
    path = tmp_path / "record.json"
    path.write_text("[" * 200_000)
    with pytest.raises(UserError, match="not a readable record"):
        Record.read(path)


SMALL = pages.record("good", "parafaces_a", 0, 0.01, level=8, warnings=["a"])
FORMATS = ("markdown", "latex", "csv", "json", "html")


def torn(data: bytes, at: int, put: bytes) -> bytes:
    """Bytes with some written over."""
    at %= len(data)
    return data[:at] + put + data[at + len(put) :]


@settings(QUIET, max_examples=40)
@given(
    data=disturbed(SMALL).map(lambda record: json.dumps(record).encode())
    | st.builds(torn, st.just(json.dumps(SMALL).encode()), st.integers(0), st.binary(max_size=3)),
)
def test_a_disturbed_record_never_crashes_leaderboard_or_report(tmp_path, data):
    (tmp_path / "runs").mkdir(exist_ok=True)
    for i, kid in enumerate((0.02, 0.03)):
        other = pages.record("good", "parafaces_a", i + 1, kid, level=8)
        (tmp_path / "runs" / f"{i}.json").write_text(json.dumps(other), encoding="utf-8")
    (tmp_path / "runs" / "9.json").write_bytes(data)
    for form in FORMATS:
        words = ["--folder", str(tmp_path), "--format", form, "--rank", "kid"]
        with suppress(UserError):
            leaderboard.main.__wrapped__([*words, "--to", str(tmp_path / f"table.{form}")])
    with suppress(UserError):
        assert readme.text(tmp_path)
    with suppress(UserError):
        assert render(tmp_path, local=True).endswith("</html>")
