"""Rows on the disk: the same as in memory, made once, and gone on with after a kill."""

import json
import threading
import time

import numpy as np
import pytest
import torch

from benchmarks.harness.evaluation import feature_store, metrics
from benchmarks.harness.evaluation.extractors import Untrained
from benchmarks.harness.evaluation.feature_store import InMemory, OnDisk
from benchmarks.harness.evaluation.gallery import measure
from benchmarks.harness.io.locks import Busy, alone
from benchmarks.harness.io.prefetch import prefetch
from tests.harness.evaluation.test_gallery import Folder, Tinted, World, gallery


class Killed(Exception):
    pass


class Maker:
    """Ten rows of two heads in parts of three; dies after so many parts."""

    def __init__(self, dies_after=100):
        self.dies_after, self.asked = dies_after, []

    def __call__(self, start):
        self.asked.append(start)
        rows = {"a": np.arange(10, dtype=np.float32)[:, None] * [1, 2], "b": np.arange(10)}
        for part, begin in enumerate(range(start, 10, 3)):
            if part == self.dies_after:
                raise Killed
            yield {head: values[begin : begin + 3] for head, values in rows.items()}


def key():
    return {"of": "these rows"}


def test_rows_on_the_disk_are_those_in_memory_and_made_once(tmp_path):
    maker = Maker()
    disk = OnDisk(folder=str(tmp_path))
    for _ in range(2):
        for head, values in InMemory().get(key, Maker()).items():
            found = disk.get(key, maker)[head]
            assert found.dtype == values.dtype
            np.testing.assert_array_equal(found, values)
    assert maker.asked == [0]
    other = Maker()
    disk.get(lambda: {"of": "others"}, other)
    assert other.asked == [0]


def test_a_killed_process_goes_on_after_the_rows_that_were_written_down(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_store, "SECONDS_BETWEEN_NOTES", -1.0)
    disk = OnDisk(folder=str(tmp_path))
    with pytest.raises(Killed):
        disk.get(key, Maker(dies_after=2))
    (place,) = tmp_path.iterdir()
    assert json.loads((place / feature_store.META).read_text())["rows"] == 6
    with (place / "a.rows").open("ab") as file:
        file.write(b"half a row")
    again = Maker()
    found = disk.get(key, again)
    assert again.asked == [6]
    np.testing.assert_array_equal(found["b"], np.arange(10))
    np.testing.assert_array_equal(found["a"][:, 1], 2 * np.arange(10))


@pytest.mark.parametrize("harm", ["note", "rows"])
def test_damaged_rows_are_made_again(tmp_path, harm):
    disk = OnDisk(folder=str(tmp_path))
    disk.get(key, Maker())
    (place,) = tmp_path.iterdir()
    if harm == "note":
        (place / feature_store.META).write_text("{")
    else:
        (place / "b.rows").write_bytes(b"")
    again = Maker()
    np.testing.assert_array_equal(disk.get(key, again)["b"], np.arange(10))
    assert again.asked == [0]


def test_two_processes_do_not_write_the_same_rows(tmp_path):
    disk = OnDisk(folder=str(tmp_path))
    disk.get(key, Maker())
    (place,) = tmp_path.iterdir()
    with alone(place), pytest.raises(Busy):
        disk.get(key, Maker())


def test_prefetching_works_in_threads_and_keeps_the_order():
    together = threading.Barrier(2, timeout=20)

    def work(item):
        together.wait()  # would never pass if they ran one after the other
        time.sleep(0.01 * (item % 3))
        return item * item

    assert list(prefetch(range(8), work, 2)) == [i * i for i in range(8)]


def few_metrics():
    extractor = Untrained(architecture="resnet10t", seed=0)
    return {
        "fd": metrics.FD(extractor),
        "kid": metrics.KID(extractor, subsets=2, subset_size=10, seed=0),
    }


def test_a_gallery_on_the_disk_measures_the_same_and_remembers(tmp_path):
    adapter = Tinted(trained=True, tint=0.2)
    adapter.state_dict = adapter.source.g.state_dict
    held = measure(gallery(adapter, World()), few_metrics()).measures
    adapter.drawn = 0
    disk = OnDisk(folder=str(tmp_path))
    kept = measure(gallery(adapter, World(), store=disk), few_metrics()).measures
    assert {k: m.value for k, m in kept.items()} == pytest.approx(
        {k: m.value for k, m in held.items()}, rel=1e-4
    )
    made = adapter.drawn
    again = measure(gallery(adapter, World(), store=disk), few_metrics()).measures
    assert again == kept
    assert adapter.drawn - made == 8  # the first pictures, which tell the generator


def test_another_generator_or_another_seed_is_seen_anew(tmp_path):
    disk = OnDisk(folder=str(tmp_path))

    def first(tint, seed=3):
        adapter = Tinted(trained=True, tint=tint)
        adapter.state_dict = adapter.source.g.state_dict
        return gallery(adapter, World(), store=disk, seed=seed).pictures("fakes")[0]

    kept = first(0.2)
    assert np.array_equal(first(0.2), kept)
    assert not np.array_equal(first(0.4), kept)  # the same weights, rendered in another way
    assert not np.array_equal(first(0.2, seed=4), kept)


def test_streamed_pictures_are_the_held_ones_in_batches_of_the_gallery(tmp_path):
    streamed = gallery(Tinted(trained=True, tint=0.0), World(), store=OnDisk(folder=str(tmp_path)))
    held = gallery(Tinted(trained=True, tint=0.0), World())
    for first, start in ((0, 0), (12, 0), (0, 9), (12, 9), (30, 0)):
        ours = list(streamed.images("reference", first, start))
        theirs = torch.cat(list(held.images("reference", first)))[start:]
        assert torch.equal(torch.cat(ours), theirs)
        assert all(len(batch) == 5 for batch in ours[:-1])
    assert not streamed._pixels
    others = torch.cat(list(held.images("others")))
    assert torch.equal(others[1:], torch.cat(list(held.images("sources")))[:-1])
    shots = torch.cat(list(held.some("shots", torch.tensor([2, 0]))))
    assert shots.shape == (2, *Folder().shots.shape[1:])
