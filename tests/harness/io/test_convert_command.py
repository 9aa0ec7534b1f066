"""``python -m benchmarks.convert`` as a user runs it."""

import subprocess
import sys

import pytest
import torch

from benchmarks import convert
from core.convert import load
from tests.helpers import checkpoints


@pytest.fixture
def command(capsys):
    """Runs the command in this process: exit status, standard output, standard error."""

    def command(*words):
        status = convert.main([*map(str, words)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


def test_every_format_becomes_ours_and_rosinalitys(command, tmp_path):
    g, d = checkpoints.pair(conv_clamp=256)
    tree = checkpoints.rosinality_tree(g, d)
    sources = [
        checkpoints.rosinality(tmp_path / "zip.pt", tree),
        checkpoints.rosinality(tmp_path / "old.pt", tree, old=True),
        checkpoints.nvidia(tmp_path / "a.pkl", g, d),
        checkpoints.tensorflow(tmp_path / "tf.pkl", g, d),
    ]
    for source in sources:
        ours, theirs = tmp_path / f"{source.stem}.safetensors", tmp_path / f"{source.stem}-out.pt"
        status, out, err = command(source, ours)
        assert (status, err) == (0, "")
        assert all(name in out for name in ("g_ema", "g", "d", "16", str(ours)))
        assert command(ours, theirs)[0] == 0
        end = torch.load(theirs, weights_only=True)
        assert set(end) == {"g_ema", "g", "d", "latent_avg"}
        torch.testing.assert_close(end["latent_avg"], g.mapping.w_avg)


def test_what_is_lost_is_said(command, tmp_path):
    g, d = checkpoints.pair(conv_clamp=256)
    _, out, _ = command(checkpoints.nvidia(tmp_path / "a.pkl", g, d), tmp_path / "a.pt")
    assert "lost: g_ema: rosinality's layers do not clamp at 256" in out


def test_a_bad_file_is_one_sentence_and_leaves_nothing_behind(command, tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(b"<html>")
    good = checkpoints.rosinality(
        tmp_path / "good.pt", checkpoints.rosinality_tree(*checkpoints.pair())
    )
    target = tmp_path / "b.pt"
    for words in ((path, target), (tmp_path / "none.pt", target), (good, tmp_path / "b.xyz")):
        status, out, err = command(*words)
        assert status == 2
        assert out == ""
        assert err.startswith("styleshift: ")
        assert err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pt", "good.pt"]


def test_a_mistyped_name_is_said_where_the_target_is_there_too(command, tmp_path):
    target = tmp_path / "there.safetensors"
    target.write_bytes(b"old")
    for source in (tmp_path / "nope.pt", tmp_path):
        status, _, err = command(source, target)
        assert (status, err) == (2, f"styleshift: There is no file {source}.\n")
    assert target.read_bytes() == b"old"


def test_the_file_that_is_read_is_not_overwritten(command, tmp_path):
    path = checkpoints.rosinality(
        tmp_path / "a.pt", checkpoints.rosinality_tree(*checkpoints.pair())
    )
    before = path.read_bytes()
    status, _, err = command(path, path)
    assert status == 2
    assert "would overwrite" in err
    assert path.read_bytes() == before


def test_it_runs_as_a_command(tmp_path):
    source = checkpoints.nvidia(tmp_path / "a.pkl", *checkpoints.pair())
    words = [sys.executable, "-m", "benchmarks.convert", str(source)]
    done = subprocess.run([*words, str(tmp_path / "a.safetensors")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(load(tmp_path / "a.safetensors")) == {"g_ema", "g", "d"}
