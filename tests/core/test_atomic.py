import os
import signal
import subprocess
import sys

import pytest

from core import atomic
from core.paths import ROOT


def test_a_file_takes_its_place_and_nothing_lies_beside_it(tmp_path):
    path = tmp_path / "new" / "record.json"
    for data in (b"first", b"second"):
        atomic.write(path, data)
        assert path.read_bytes() == data
    assert list(path.parent.iterdir()) == [path]


def test_the_old_file_is_replaced_and_never_written_into(tmp_path):
    """Whoever has the old one open, or linked, keeps it whole: bytes never change in place."""
    path, linked = tmp_path / "record.json", tmp_path / "linked.json"
    atomic.write(path, b"first")
    linked.hardlink_to(path)
    with path.open("rb") as reading:
        atomic.write(path, b"second")
        assert reading.read() == b"first"
    assert linked.read_bytes() == b"first"
    assert path.read_bytes() == b"second"


def test_a_block_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "record.json"
    atomic.write(path, b"old")

    def begin():
        with atomic.writing(path) as file:
            file.write(b"half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_taken_is_an_error_and_leaves_no_part(tmp_path):
    (tmp_path / "record.json").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        atomic.write(tmp_path / "record.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


def test_two_that_write_one_file_do_not_write_into_each_other(tmp_path):
    """The other process stands in the middle of its writing while this one writes all of it."""
    path = tmp_path / "record.json"
    code = (
        "import sys, pathlib; from core import atomic\n"
        "with atomic.writing(pathlib.Path(sys.argv[1])) as file:\n"
        "    file.write(b'theirs'); file.flush(); print('in', flush=True); sys.stdin.read()"
    )
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    other = subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT, **pipe)
    assert other.stdout.readline() == b"in\n"
    atomic.write(path, b"ours")
    assert path.read_bytes() == b"ours"
    other.communicate()
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_the_old_file(tmp_path):
    path = tmp_path / "record.json"
    atomic.write(path, b"old")
    code = (
        "import os, sys, pathlib; from core import atomic\n"
        "with atomic.writing(pathlib.Path(sys.argv[1])) as file:\n"
        "    file.write(b'n' * 100_000); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert all(left.suffix == atomic.PART for left in tmp_path.iterdir() if left != path)
    assert not list(tmp_path.glob(f"*.{os.getpid()}{atomic.PART}"))
