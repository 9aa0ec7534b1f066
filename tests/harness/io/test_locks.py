import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from benchmarks.harness.io import locks
from core import atomic
from core.errors import UserError
from core.paths import ROOT

HOLD = (
    "import sys, pathlib; from benchmarks.harness.io.locks import alone\n"
    "with alone(pathlib.Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
)


def test_a_folder_that_nothing_was_put_into_is_not_left(tmp_path):
    folder = tmp_path / "results" / "out" / "cell"
    locks.writable(tmp_path / "results" / "runs")
    with locks.alone(folder):
        assert folder.is_dir()
    with pytest.raises(UserError), locks.alone(folder):
        raise UserError("A file is missing.")
    assert not list(tmp_path.iterdir())


def test_what_was_there_before_or_holds_something_stays(tmp_path):
    (tmp_path / "there").mkdir()
    with locks.alone(tmp_path / "there"):
        locks.writable(tmp_path / "there")
    with locks.alone(tmp_path / "made"):
        atomic.write(tmp_path / "made" / "record.json", b"{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "there"]


def test_a_killed_process_leaves_no_lock_and_what_it_had_begun_to_write_goes(tmp_path):
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, **pipe)
    assert process.stdout.readline() == b"in\n"
    (tmp_path / f"checkpoint.pt.1234{atomic.PART}").write_bytes(b"half")
    with pytest.raises(locks.Busy), locks.alone(tmp_path):
        pass
    assert len(list(tmp_path.glob(f"*{atomic.PART}"))) == 1  # it is still being written
    process.kill()
    process.communicate()
    with locks.alone(tmp_path):
        assert not list(tmp_path.glob(f"*{atomic.PART}"))
    assert not list(tmp_path.iterdir())


def test_a_folder_is_locked_against_its_own_process_too(tmp_path):
    with locks.alone(tmp_path), pytest.raises(locks.Busy), locks.alone(tmp_path):
        pass
    with locks.alone(tmp_path):
        pass


def test_where_nothing_can_be_written_it_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(UserError, match="Results cannot be written"),
        locks.alone(tmp_path / "file"),
    ):
        pass


@pytest.fixture
def taken_away(tmp_path):
    """A folder that somebody takes away, and all that it lies in, whenever it is empty."""
    folder, done = tmp_path / "results" / "out" / "run", threading.Event()

    def take():
        while not done.wait(1e-4):
            for path in (folder, folder.parent, folder.parent.parent):
                with suppress(OSError):
                    path.rmdir()

    thread = threading.Thread(target=take)
    thread.start()
    yield folder
    done.set()
    thread.join()


def test_a_folder_that_another_process_takes_away_meanwhile_is_no_refusal(taken_away):
    for _ in range(300):
        locks.writable(taken_away)
        with locks.alone(taken_away):
            assert (taken_away / locks.LOCK).exists()
        atomic.make_folder(taken_away)


def test_a_name_that_no_folder_can_have_is_said_before_the_work(tmp_path):
    begun = []
    with pytest.raises(UserError, match="cannot be written"), locks.alone(tmp_path / ("x" * 300)):
        begun.append(True)
    assert not begun
