"""Hostile and damaged files: each ends in one clear error, soon, in little memory, unexecuted."""

import random
import subprocess
import sys
import time
import tracemalloc
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import weights
from core.convert import CheckpointError, load
from core.convert.restricted_unpickler import READS
from core.errors import UserError
from core.paths import ROOT
from tests.helpers import checkpoints, hostile

KINDS = ("zip.pt", "old.pt", "nvidia.pkl", "tensorflow.pkl", "ours.safetensors")
SECONDS = 6  # of processor, for the worst file


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A small checkpoint of each kind, as bytes."""
    folder = tmp_path_factory.mktemp("good")
    g, d = checkpoints.pair(width=4, channels={4: 4, 8: 3}, layers=1)
    tree = checkpoints.rosinality_tree(g, d)
    checkpoints.rosinality(folder / "zip.pt", tree)
    checkpoints.rosinality(folder / "old.pt", tree, old=True)
    checkpoints.nvidia(folder / "nvidia.pkl", g, d)
    checkpoints.tensorflow(folder / "tensorflow.pkl", g, d)
    weights.write(folder / "ours.safetensors", {"g_ema": g, "g": g, "d": d}, {})
    return {kind: (folder / kind).read_bytes() for kind in KINDS}


@pytest.fixture(scope="module")
def attempt(tmp_path_factory):
    """Loads bytes as a file; anything but success or a CheckpointError is raised."""
    path = tmp_path_factory.mktemp("bad") / "file"

    def attempt(raw):
        path.write_bytes(raw)
        try:
            load(path)
        except CheckpointError as error:
            return str(error)
        return ""

    return attempt


def refused(attempt, raw, word=""):
    """The error is one short line in which a word stands."""
    sentence = attempt(raw)
    assert sentence
    assert word in sentence
    assert "\n" not in sentence
    assert len(sentence) < 600


@pytest.mark.parametrize("kind", KINDS)
def test_the_undamaged_files_load(good, attempt, kind):
    assert attempt(good[kind]) == ""


def test_no_command_in_a_pickle_is_run_and_the_refusal_names_it(attempt, tmp_path):
    marker = tmp_path / "ran"
    for name, body in hostile.commands(marker).items():
        inner = hostile.whole(body, 2)
        files = {
            "pickle": hostile.whole(body),
            "entry": hostile.whole(b"}" + hostile.text("G") + body + b"s"),
            "after the magic number": hostile.MAGIC + hostile.SYSTEM + inner,
            "as the magic number": inner + hostile.SYSTEM,
            "keys of an old file": hostile.MAGIC + hostile.SYSTEM + hostile.whole(b"}") + inner,
            "payload": hostile.payload(body),
            "zip": hostile.zipped({"data.pkl": inner}),
        }
        for where, raw in files.items():
            sentence = attempt(raw)
            assert f"asks for {name}," in sentence, where
            assert "nothing of it was run" in sentence
            assert not marker.exists()


def test_python_itself_would_have_run_them(tmp_path):
    marker = tmp_path / "ran"
    raw = hostile.whole(hostile.commands(marker)["builtins.eval"])
    hostile.as_python_reads(raw)
    assert marker.exists()


def test_instructions_of_old_protocols_run_nothing(attempt, tmp_path):
    marker = tmp_path / "ran"
    for raw in hostile.old_opcodes(marker).values():
        refused(attempt, raw)
        assert not marker.exists()


def test_a_stand_in_cannot_be_changed_into_something_that_acts(attempt, good):
    namespace, easy = (
        hostile.named("argparse", "Namespace"),
        hostile.named("dnnlib.util", "EasyDict"),
    )
    attribute = (
        b"N}" + hostile.text("__setstate__") + hostile.named("dnnlib.util", "EasyDict") + b"s"
    )
    for raw in (
        hostile.whole(easy + attribute + b"\x86b"),
        hostile.whole(hostile.called(hostile.called(easy))),
        hostile.whole(b"]" + attribute + b"\x86b"),
        hostile.MAGIC + hostile.SYSTEM + hostile.whole(namespace + attribute + b"\x86b"),
        hostile.MAGIC + hostile.SYSTEM + hostile.whole(b"}(NNu" + hostile.text("x") + b"a"),
    ):
        refused(attempt, raw)
    assert attempt(good["nvidia.pkl"]) == ""


def test_arrays_alone_are_no_checkpoint(attempt):
    array = hostile.called(
        hostile.named("numpy.core.multiarray", "_reconstruct"),
        hostile.named("numpy", "ndarray"),
        b"K\x00\x85",
        b"C\x01b",
    )
    refused(attempt, hostile.whole(array), "none of G, D")
    network = hostile.named("dnnlib.tflib.network", "Network") + b")\x81"
    refused(attempt, hostile.whole(network + array + b"\x86"), "tuple of G, D")


@pytest.mark.parametrize("name", hostile.claims())
def test_what_a_file_claims_is_not_believed(attempt, name):
    raw = hostile.claims()[name]
    tracemalloc.start()
    begun = time.process_time()
    refused(attempt, raw)
    assert time.process_time() - begun < SECONDS
    assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("name", hostile.efforts())
def test_no_file_is_worth_much_effort(attempt, name):
    raw = hostile.efforts()[name]
    begun = time.process_time()
    refused(attempt, raw)
    assert time.process_time() - begun < SECONDS


LOAD_ALL = """
import resource, sys
from core.convert import CheckpointError, load
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes
before = peak()
for path in sys.argv[1:]:
    try:
        load(path)
    except CheckpointError:
        print(peak() - before)
"""


@pytest.mark.exhaustive
def test_the_system_gives_no_memory_for_what_is_claimed(tmp_path):
    """tracemalloc does not see torch's tensors; the largest of these files has one megabyte."""
    files = {**hostile.claims(), **hostile.efforts()}
    for number, raw in enumerate(files.values()):
        (tmp_path / f"{number}").write_bytes(raw)
    words = [sys.executable, "-c", LOAD_ALL, *map(str, tmp_path.iterdir())]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    growth = [int(line) for line in done.stdout.split()]
    assert len(growth) == len(files)
    assert growth[-1] < 150 * 2**10


@pytest.mark.exhaustive
def test_the_steps_of_a_file_bound_its_memory(attempt):
    tracemalloc.start()
    refused(attempt, b"\x80\x02" + b"}" * (READS + 1), "more steps")
    assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_every_truncation_is_refused(good, attempt, kind):
    raw = good[kind]
    for length in range(0, len(raw), 1000):
        refused(attempt, raw[:length])
    refused(attempt, raw[:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bits_end_in_success_or_in_a_checkpoint_error(good, attempt, kind):
    rng, said = random.Random(0), [attempt(good[kind])]
    assert said == [""]
    for _ in range(40):
        raw = bytearray(good[kind])
        for _ in range(rng.choice([1, 1, 3, 30])):
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        said.append(attempt(bytes(raw)))
    assert any(said)
    assert not any("\n" in sentence for sentence in said)


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", ""),
        (b"\x80", ""),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (hostile.pickled(0x1950A86A20F9469CFC6D) + hostile.SYSTEM, "none of G, D"),
        (hostile.pickled(hostile.MAGIC_NUMBER) + hostile.pickled(1002), "unknown protocol"),
        (hostile.MAGIC + hostile.pickled({"little_endian": False}), "order of bytes"),
        (b"PK\x03\x04" + b"\0" * 100, "zip is damaged"),
        (b"\xff" * 4 + b"\0" * 4 + b'{"a":', "safetensors"),
    ],
)
def test_a_wrong_beginning_is_said(attempt, raw, word):
    refused(attempt, raw, word)


def test_a_file_that_is_not_there_or_is_a_folder_is_said(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        load(tmp_path / "none.pt")
    with pytest.raises(UserError, match=r"holds 0 files \*\.safetensors, where one is loaded"):
        load(tmp_path)


def test_tensors_that_overlap_cannot_fill_memory(attempt):
    count = 10**5
    numbers = bytes(4 * count)
    entries = [
        (f"entry{i}", hostile.tensor(hostile.storage(count), (count,), (1,))) for i in range(50)
    ]
    named = [("conv1.conv.weight", entries[0][1]), *entries]
    body = hostile.whole(hostile.state(named), 2)
    refused(attempt, hostile.zipped({"data.pkl": body, "data/0": numbers}), "more than the file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_two_trees_is_refused(attempt, tmp_path):
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", hostile.whole(b"}"))
        archive.writestr("b/data.pkl", hostile.whole(b"}"))
    refused(attempt, path.read_bytes(), "none that torch.save wrote")


QUICK = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
INSTRUCTIONS = [
    bytes([code]) for code in b"().0123NIJKMLGTUXVSBC]}etlduasbRQ\x81\x85\x86\x87\x88\x89"
]
INSTRUCTIONS += [b"\x8e", b"\x8d", b"\x8f", b"\x90", b"\x91", b"\x92", b"\x93", b"\x94", b"\x95"]
INSTRUCTIONS += [hostile.named("collections", "OrderedDict"), hostile.named("torch", "HalfStorage")]
INSTRUCTIONS += [hostile.named("torch_utils.persistence", "_reconstruct_persistent_obj")]
INSTRUCTIONS += [hostile.named("dnnlib.tflib.network", "Network"), hostile.storage(4)]
INSTRUCTIONS += [
    hostile.named("torch.storage", "_load_from_bytes"),
    hostile.named("numpy", "dtype"),
]
INSTRUCTIONS += [hostile.text(w) for w in ("G", "g_ema", "state", "_parameters", "f4", "module.")]
INSTRUCTIONS += [hostile.tensor(hostile.storage(4), (2, 2), (2, 1)), b"q\x00", b"h\x00", b"K\x04"]


@QUICK
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x80\x02", b"\x80\x04", b"PK\x03\x04"]))
def test_random_bytes_end_in_a_checkpoint_error(attempt, raw, start):
    assert attempt(start + raw)


@QUICK
@given(st.lists(st.sampled_from(INSTRUCTIONS), max_size=60), st.booleans())
def test_random_instructions_end_in_a_checkpoint_error(attempt, instructions, old):
    body = b"\x80\x04" + b"".join(instructions) + b"."
    assert attempt(hostile.MAGIC + hostile.SYSTEM + body if old else body)


@QUICK
@given(st.data())
def test_changed_files_end_in_success_or_in_a_checkpoint_error(good, attempt, data):
    raw = good[data.draw(st.sampled_from(KINDS))]
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw)))
        cut = data.draw(st.integers(0, 40))
        raw = raw[:place] + data.draw(st.binary(max_size=40)) + raw[place + cut :]
    assert "\n" not in attempt(raw)
