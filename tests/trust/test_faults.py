"""Faults that happen to everybody, each provoked: what is said, and that nothing is lost."""

import math
import os
import pwd
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import parafaces
from benchmarks.harness.data.pictures import File, Unreadable, read
from benchmarks.harness.evaluation.evaluate import identical_images
from benchmarks.harness.io import contact_sheet, locks
from benchmarks.harness.io.signals import Signals, Stopped
from benchmarks.harness.records.record import Record
from benchmarks.harness.training import monitor
from benchmarks.harness.training.checkpoint import Checkpoints
from benchmarks.harness.training.monitor import TrainingMonitor
from core.adaptive_batches import AdaptiveBatches
from core.errors import UserError
from core.paths import ROOT, cache_folder

NOWHERE = Path("/sys/styleshift")  # nobody may write there, not even root
FULL = 100_000  # bytes that a file may have on a disk that is nearly full


@pytest.fixture
def nearly_full():
    """No file may grow beyond FULL bytes: the system's own error, as from a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def only(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


def kept(folder, resume="auto", **others):
    made_of = {"weights_sha256": "w", "shots_sha256": "three", "code": "c", "ops": "torch"}
    return Checkpoints(
        folder=folder,
        every_kimg=1,
        resume=resume,
        identity={"recipe": "r", **made_of, **others},
        signals=Signals(),
        monitor=TrainingMonitor(images=100, every=1),
    )


class Small(torch.nn.Linear):
    """As much of an adapter as a checkpoint needs."""

    images_seen, gradients, device = 0, {}, torch.device("cpu")

    def __init__(self):
        super().__init__(2, 2)

    def state(self):
        return {"images_seen": self.images_seen, "module": dict(self.state_dict())}


@pytest.fixture
def left(tmp_path):
    """A folder with the checkpoints of 40 and 80 images."""
    keep, module = kept(tmp_path), Small()
    keep.monitor.module = module
    for module.images_seen in (20, 40, 80):
        keep.save(module)
    assert [path.stem[-3:] for path in keep.files()] == ["080", "040"]
    return tmp_path


class Late:
    """A trainer of two processes: this one's signal comes just after they have agreed."""

    world_size = 2

    def __init__(self, signals):
        self.strategy, self.signals = self, signals

    def reduce_boolean_decision(self, decision, all):
        self.signals.asked = signal.SIGTERM
        return decision


def test_processes_that_agreed_to_go_on_go_on_whatever_signal_one_has_got_since(left):
    keep, module = kept(left), Small()
    keep.monitor.module, keep.saved = module, 80
    module.images_seen = 84
    trainer = Late(keep.signals)
    keep.on_train_batch_end(trainer, module, None, None, 0)
    assert max(path.name for path in keep.files()).endswith("080.pt")
    with pytest.raises(Stopped, match=r"SIGTERM after 84 images; .* goes on from 84 on"):
        keep.on_train_batch_end(trainer, module, None, None, 1)


DAMAGES = {
    "truncated": lambda raw: raw[: len(raw) // 2],
    "one bit": lambda raw: raw[:1000] + bytes([raw[1000] ^ 1]) + raw[1001:],
    "empty": lambda raw: b"",
    "another file": lambda raw: b"hello\n" * 100,
    "zeros": lambda raw: bytes(len(raw)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_torn_checkpoint_is_reported_and_the_one_before_is_taken(left, capsys, damage):
    newest = max(left.glob("checkpoint-*.pt"))
    newest.write_bytes(DAMAGES[damage](newest.read_bytes()))
    assert kept(left).seen == 40
    said = " ".join(capsys.readouterr().err.split())
    assert "is damaged and passed over" in said
    assert newest.name in said.replace(" ", "")


def test_without_a_sound_checkpoint_a_run_begins_anew_unless_it_must_not(left):
    for path in left.glob("checkpoint-*.pt"):
        path.write_bytes(b"")
    assert kept(left).seen == 0
    with pytest.raises(UserError, match="There is no checkpoint"):
        kept(left, resume="must")


def test_resume_never_begins_anew_and_must_goes_on(left):
    assert kept(left, resume="never").seen == 0
    assert kept(left, resume="must").seen == 80


def test_a_clock_that_goes_backwards_changes_nothing(left):
    for age, path in enumerate(sorted(left.glob("checkpoint-*.pt"), reverse=True)):
        os.utime(path, (10_000 * age, 10_000 * age))  # the newest looks the oldest
    assert kept(left).seen == 80


@pytest.mark.parametrize(
    ("fact", "sentence"),
    [("shots_sha256", "the shots were others"), ("weights_sha256", "the source was another"),
     ("code", "the code was another"), ("ops", "the operators were others")],
)  # fmt: skip
def test_a_checkpoint_of_something_else_is_refused(left, fact, sentence):
    with pytest.raises(UserError, match=rf"for {sentence}; resume=never"):
        kept(left, **{fact: "other"})


def test_a_new_run_in_an_old_folder_ends_with_its_own_checkpoints(left):
    keep, module = kept(left, resume="never"), Small()
    keep.monitor.module = module
    for module.images_seen in (10, 20):
        keep.save(module)
    assert [int(path.stem[11:]) for path in keep.files()] == [20, 10]


def test_a_checkpoint_that_cannot_be_written_costs_no_run(left, capsys, nearly_full):
    keep, module = kept(left), Small()
    keep.monitor.module, keep.saved = module, 80
    module.images_seen = 120
    module.huge = torch.nn.Parameter(torch.zeros(FULL))
    keep.save(module)
    said = " ".join(capsys.readouterr().err.split())
    assert "cannot be written" in said
    assert "the last one is of 80 images. The run goes on." in said
    assert kept(left).seen == 80
    assert not list(left.glob("*.part"))


def test_a_result_that_cannot_be_written_is_there_after_the_next_try(styleshift, tmp_path):
    line = (f"folder={tmp_path / 'r'}", "method.images=8")
    assert styleshift(*line)[0] == 0
    first = Record.read(only(tmp_path / "r" / "runs", "*.json"))
    out = only(tmp_path / "r" / "out", "*")
    only(tmp_path / "r" / "runs", "*.json").unlink()
    for name in ("record.json", "sheet.png", "generator.safetensors"):
        (out / name).unlink()
        (out / name).mkdir()
        status, said = styleshift(*line)
        assert status == 2
        assert f"{name}: Is a directory." in said
        assert not list((tmp_path / "r" / "runs").glob("*.json"))
        (out / name).rmdir()
    status, said = styleshift(*line)
    assert status == 0
    assert "Going on after 8 images" in said  # nothing is trained again
    again = Record.read(only(tmp_path / "r" / "runs", "*.json"))
    assert set(first.disagreement(again).values()) == {0.0}


def test_a_full_disk_ends_a_run_in_one_sentence(styleshift, tmp_path, nearly_full):
    status, said = styleshift("method.images=8")
    assert status == 2
    assert "The checkpoint of 8 images cannot be written" in said
    assert "Weights cannot be written" in said
    assert "File too large" in said
    assert not list((tmp_path / "results").rglob("*.part"))
    assert not list((tmp_path / "results").rglob("runs/*.json"))


def test_results_where_nobody_may_write_are_refused_at_once(styleshift):
    status, said = styleshift(f"folder={NOWHERE}")
    assert status == 2
    assert f"Results cannot be written to {NOWHERE}" in said


def rendered(folder, n=3):
    return parafaces.cached("photo", people=range(n), resolution=32, folder=folder)


@pytest.mark.parametrize("name", ["images.npy", "landmarks.npy", "sha256.json"])
def test_a_cache_file_that_was_overwritten_is_rendered_again(tmp_path, name):
    whole = rendered(tmp_path)
    pixels = np.array(whole.images)
    victim = only(tmp_path, f"*/{name}")
    raw = bytearray(victim.read_bytes())
    raw[-9] ^= 1  # the size stays
    victim.write_bytes(raw)
    assert np.array_equal(rendered(tmp_path).images, pixels)
    assert victim.read_bytes() != bytes(raw)


@pytest.mark.parametrize("name", ["images.npy", "landmarks.npy", "sha256.json"])
def test_a_cache_file_that_was_cut_off_is_rendered_again(tmp_path, name):
    pixels = np.array(rendered(tmp_path).images)
    victim = only(tmp_path, f"*/{name}")
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])
    assert np.array_equal(rendered(tmp_path).images, pixels)
    assert victim.read_bytes() == whole


def test_a_full_disk_leaves_no_half_of_a_record_or_picture(tmp_path, nearly_full):
    (path,) = (ROOT / "results" / "runs").glob("paired--*--blank64--*.json")
    record = Record.read(path).to_json()
    record["warnings"] = ["x" * FULL]
    with pytest.raises(UserError, match=r"The record cannot be written to .*File too large"):
        Record.from_json(record).write(tmp_path / "record.json")
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    with pytest.raises(UserError, match=r"sheet.png.*File too large"):
        contact_sheet.save(tmp_path / "sheet.png", Image.fromarray(noise))
    assert not list(tmp_path.iterdir())


def test_a_cache_without_checksums_is_taken_and_gets_them(tmp_path):
    rendered(tmp_path)
    sums = only(tmp_path, "*/sha256.json")
    before, made = sums.read_bytes(), only(tmp_path, "*/images.npy").stat().st_mtime_ns
    sums.unlink()
    rendered(tmp_path)
    assert sums.read_bytes() == before
    assert only(tmp_path, "*/images.npy").stat().st_mtime_ns == made


def test_a_disk_that_is_full_while_rendering_is_said_and_nothing_stays(tmp_path, nearly_full):
    with pytest.raises(UserError, match=r"cannot be kept .*File too large.*machine.cache"):
        rendered(tmp_path, n=60)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["file", "sys"])
def test_a_cache_that_cannot_be_written_is_named_with_the_option(tmp_path, place):
    (tmp_path / "file").write_text("in the way")
    folder = {"file": tmp_path / "file", "sys": NOWHERE}[place]
    with pytest.raises(UserError, match=r"cannot be kept .*machine.cache=FOLDER"):
        rendered(folder)


def test_a_home_that_is_missing_is_said(monkeypatch):
    with pytest.raises(UserError, match=r"machine\.cache=FOLDER"):
        cache_folder("~nobody-of-this-name/cache")
    monkeypatch.delenv("HOME")
    assert cache_folder("~/cache") == Path(pwd.getpwuid(os.getuid()).pw_dir) / "cache"


def test_a_run_does_not_need_its_pictures_once_they_are_read(
    styleshift, root, tmp_path, monkeypatch
):
    shutil.copytree(root, tmp_path / "some")
    usual = TrainingMonitor.on_train_start

    def losing(*arguments):
        shutil.rmtree(tmp_path / "some")
        usual(*arguments)

    monkeypatch.setattr(TrainingMonitor, "on_train_start", losing)
    status, _ = styleshift(f"data.root={tmp_path / 'some'}", "method.images=8")
    assert not (tmp_path / "some").exists()
    assert status == 0


def test_a_picture_that_is_lost_between_listing_and_reading_is_named(tmp_path):
    with pytest.raises(Unreadable, match=r"lost.png cannot be read \(No such file"):
        read(File(tmp_path, "lost.png"), 64, "crop")


def test_two_processes_cannot_work_in_one_folder(tmp_path):
    code = (
        "import sys, pathlib; from benchmarks.harness.io.locks import alone\n"
        "with alone(pathlib.Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, **pipe)
    assert process.stdout.readline() == b"in\n"
    with pytest.raises(locks.Busy, match="run by another process"), locks.alone(tmp_path):
        pass
    process.kill()  # the lock goes with the process
    process.communicate()
    with locks.alone(tmp_path):
        pass


def too_large(limit):
    """Work that asks for 16 TB as soon as more than ``limit`` pictures come at once."""

    def work(part):
        return torch.empty(1 << 42) if len(part) > limit else part * 2

    return work


def test_an_evaluation_that_runs_out_of_memory_halves_its_batches_and_says_so():
    said = []
    items = torch.arange(37.0)
    parts = list(AdaptiveBatches(16, said.append).map(too_large(5), items))
    assert torch.equal(torch.cat(parts), items * 2)
    assert max(map(len, parts)) == 4
    assert said == [
        "memory did not suffice for 16 pictures at a time: 8 from now on.",
        "memory did not suffice for 8 pictures at a time: 4 from now on.",
    ]


def test_one_picture_that_does_not_fit_is_an_error_and_other_errors_stay():
    with pytest.raises(UserError, match="not enough memory for even one"):
        list(AdaptiveBatches(4, print).map(too_large(0), torch.zeros(4)))
    with pytest.raises(RuntimeError, match="shape"):
        list(AdaptiveBatches(4, print).map(lambda part: part.reshape(3, 5), torch.zeros(4)))


def test_a_run_that_diverges_is_a_failed_record_with_the_last_good_picture(styleshift, tmp_path):
    # One absurd step: the next one's numbers overflow.
    line = ("method.lr=1e20", "checkpoint.every_kimg=0.004")
    status, said = styleshift(*line)
    assert status == 3
    assert "failed: " in said
    path = only(tmp_path / "results" / "runs", "*.json")
    made = Record.read(path).to_json()
    assert made["state"] == "failed"
    assert made["metrics"] == {}
    assert "inf" in made["reason"] or "nan" in made["reason"] or "not finite" in made["reason"]
    out = only(tmp_path / "results" / "out", "*")
    assert (out / "sheet.png").stat().st_size > 1000
    assert not list(out.glob("checkpoint*"))
    assert styleshift("-m", *line, "seed=0,1")[0] == 0  # a sweep goes on
    assert len(list(path.parent.glob("*.json"))) == 2


def test_numbers_that_are_not_finite_are_noticed_at_their_step():
    one = TrainingMonitor(images=100, every=10)
    one.module = Small()
    one.scalars.send(40, {"loss_d": torch.tensor(math.nan)})
    with pytest.raises(monitor.Diverged, match="loss_d is nan after 40 images"):
        one.inspect(wait=False)
    with torch.no_grad():
        one.module.weight[0, 1] = math.inf
    with pytest.raises(monitor.Diverged, match="the weights weight are not finite"):
        one.assert_finite()


@pytest.mark.parametrize(
    ("loss", "word"), [(0.001, "tells every fake"), (monitor.CHANCE, "the same")]
)
def test_a_discriminator_that_has_nothing_to_say_is_warned_about_once(loss, word):
    one = TrainingMonitor(images=9000, every=10)
    for images in range(0, 900, 4):
        one.check_collapse(images, loss)
    assert one.warnings == []
    one.check_collapse(900, 0.7)  # it speaks again
    for images in range(1000, 5000, 4):
        one.check_collapse(images, loss)
    assert len(one.warnings) == 1
    assert word in one.warnings[0]


def test_pictures_that_are_all_the_same_are_warned_about():
    rng = np.random.default_rng(0)
    same = np.repeat(rng.integers(0, 255, (1, 8, 8, 3), dtype=np.uint8), 20, axis=0)
    assert "look the same" in identical_images(same)[0]
    assert identical_images(rng.integers(0, 255, (20, 8, 8, 3), dtype=np.uint8)) == []
