import numpy as np
import pytest
import torch

from benchmarks.harness.data.pictures import of_levels
from benchmarks.harness.data.sampler import Batches, Order


def batches(*, size=10, images=200, batch_size=8, seed=3, xflip=True, **place):
    pixels = np.random.default_rng(0).integers(0, 256, (size, 4, 4, 3), dtype=np.uint8)
    order = Order(size=size, seed=seed, xflip=xflip)
    return Batches(pixels, order, images=images, batch_size=batch_size, **place)


def same(these, those):
    these, those = list(these), list(those)
    return len(these) == len(those) and all(
        torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
        for a, b in zip(these, those, strict=True)
    )


def test_a_run_has_exactly_as_many_batches_as_images_allow():
    assert len(list(batches(images=200))) == len(batches(images=200)) == 25
    assert len(list(batches(images=207))) == 25
    assert list(batches(images=0)) == []


def test_every_picture_comes_once_an_epoch():
    for size in (1, 7, 10, 1000):
        order = Order(size=size, seed=5, xflip=False)
        ids, _ = order.at(np.arange(3 * size))
        for epoch in ids.reshape(3, size):
            assert sorted(epoch) == list(range(size))


def test_epochs_and_seeds_have_different_orders():
    a, b = Order(size=100, seed=0, xflip=False), Order(size=100, seed=1, xflip=False)
    assert not np.array_equal(a.permutation(0), a.permutation(1))
    assert not np.array_equal(a.permutation(0), b.permutation(0))


def test_seeds_toss_coins_of_their_own():
    tosses = [Order(size=10, seed=seed, xflip=True).at(np.arange(10_000))[1] for seed in range(4)]
    for i, one in enumerate(tosses):
        for other in tosses[:i]:
            assert abs((one == other).mean() - 0.5) < 0.02  # 4 standard deviations


def test_the_order_is_the_published_one():
    """A hash, so no release of numpy or torch may change it; records depend on it."""
    ids, mirrored = Order(size=10, seed=0, xflip=True).at(np.arange(12))
    assert ids.tolist() == [1, 6, 9, 7, 4, 8, 5, 3, 2, 0, 4, 9]
    assert mirrored.astype(int).tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1]


def test_a_place_in_the_row_does_not_depend_on_what_was_asked_before():
    order = Order(size=10, seed=2, xflip=True)
    whole = order.at(np.arange(100))
    for start in (93, 4, 57):
        part = Order(size=10, seed=2, xflip=True).at(np.arange(start, start + 7))
        again = order.at(np.arange(start, start + 7))
        for one, two, three in zip(whole, part, again, strict=True):
            assert np.array_equal(one[start : start + 7], two)
            assert np.array_equal(two, three)


def test_first_places_are_uniform_over_seeds():
    firsts = [int(Order(size=5, seed=seed, xflip=False).permutation(0)[0]) for seed in range(1000)]
    counts = np.bincount(firsts, minlength=5)
    assert ((counts - 200) ** 2 / 200).sum() < 18.5  # chi-square, 4 degrees, p = 0.001


def test_the_coin_mirrors_half_of_the_pictures_and_not_by_picture():
    ids, mirrored = Order(size=10, seed=0, xflip=True).at(np.arange(10_000))
    assert abs(mirrored.mean() - 0.5) < 0.02
    assert all(abs(mirrored[ids == i].mean() - 0.5) < 0.06 for i in range(10))


def test_mirrored_pictures_are_the_pictures_mirrored():
    made = batches(batch_size=64, images=64)
    pixels, ids = made.numbered(0)
    images = of_levels(pixels)
    _, mirrored = made.order.at(np.arange(64))
    plain = torch.from_numpy(made.pixels[ids]).permute(0, 3, 1, 2).float() / 127.5 - 1
    for image, original, flipped in zip(images, plain, mirrored, strict=True):
        assert torch.allclose(image, original.flip(-1) if flipped else original)


def test_without_xflip_nothing_is_mirrored():
    _, mirrored = Order(size=10, seed=0, xflip=False).at(np.arange(1000))
    assert not mirrored.any()


@pytest.mark.parametrize("start", [0, 1, 17, 24, 25, 30])
def test_a_run_that_begins_later_shows_what_the_whole_run_would_have_shown(start):
    late = batches(start=start)
    assert same(late, list(batches())[start:])
    assert len(late) == max(25 - start, 0)


def test_the_state_keeps_the_place():
    first = batches()
    iterator = iter(first)
    for _ in range(9):
        next(iterator)
    second = batches()
    second.load_state_dict(first.state_dict())
    assert same(second, list(batches())[9:])


def test_a_second_pass_begins_anew():
    made = batches(start=3)
    assert same(list(made), list(made))


def test_processes_share_every_batch_and_miss_nothing():
    parts = [list(batches(rank=rank, world=4)) for rank in range(4)]
    for whole, *shares in zip(batches(), *parts, strict=True):
        for place, expected in enumerate(whole):
            assert torch.equal(
                torch.stack([share[place] for share in shares], 1).flatten(0, 1), expected
            )


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ValueError, match="cannot be shared by 3 processes"):
        batches(world=3)


def test_a_memory_map_is_read_batch_by_batch_and_never_whole(tmp_path):
    path = tmp_path / "pixels.npy"
    big = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(50_000, 4, 4, 3))
    big[:, 0, 0, 0] = np.arange(50_000) % 251
    pixels = np.load(path, mmap_mode="r")
    made = Batches(pixels, Order(size=50_000, seed=0, xflip=False), images=80, batch_size=8)
    assert isinstance(made.pixels, np.memmap)
    for found, ids in made:
        assert torch.equal(found[:, 0, 0, 0].long(), ids % 251)


def test_a_pinned_batch_is_made_ahead_and_is_the_same(monkeypatch):
    """Bytes all the way, whose floats are made where they are used: the same bits."""
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)  # there is no GPU to pin for
    plain, ahead = batches(), batches(pinned=True)
    iterator = iter(ahead)
    first = next(iterator)
    assert ahead.state_dict() == {"given": 1}  # though the next ones are under way
    assert same([first, *iterator], plain)
    pixels, ids = first
    assert pixels.dtype == torch.uint8
    wanted = torch.from_numpy(plain.pixels[ids]).permute(0, 3, 1, 2).float() / 127.5 - 1
    mirrored = torch.from_numpy(plain.order.at(np.arange(8))[1])[:, None, None, None]
    assert torch.equal(of_levels(pixels), torch.where(mirrored, wanted.flip(-1), wanted))
