"""Shots are named by checksum: by a list where there is one, else by a rule."""

import hashlib

import pytest

from benchmarks.harness.data.domains import splits
from core.errors import UserError

HASHES = [hashlib.sha256(bytes([i])).hexdigest() for i in range(30)]
SETS = sorted({path.name.rsplit("-", 2)[0] for path in splits.SPLITS.glob("*-10-0.txt")})
OWN = [name for name in SETS if name != "parafaces"]


def test_the_sets_at_hand_have_lists():
    assert {"metfaces", "cufs", "sketches", "babies", "anime"} <= set(OWN)


@pytest.mark.parametrize("name", OWN)
def test_every_set_has_three_draws_of_ten_five_and_one(name):
    draws = []
    for draw in range(splits.DRAWS):
        ten, five, one = (
            list(splits.read(splits.SPLITS / f"{name}-{size}-{draw}.txt")) for size in (10, 5, 1)
        )
        assert (len(ten), len(five), len(one)) == (10, 5, 1)
        assert ten[:5] == five
        assert five[:1] == one
        draws.append(ten)
    assert draws[0] != draws[1] != draws[2]
    assert all(splits.draw_order(ten, draw) == ten for draw, ten in enumerate(draws))


def test_nobody_who_is_held_out_in_cufs_is_a_shot():
    people = set(splits.read(splits.SPLITS / "cufs-test.txt"))
    assert len(people) == 100
    for draw in range(splits.DRAWS):
        assert not people & set(splits.read(splits.SPLITS / f"cufs-10-{draw}.txt"))


def test_the_rule_goes_by_checksum_and_draw_not_by_order():
    assert splits.rule(HASHES, 0) == splits.rule(reversed(HASHES), 0)
    assert splits.rule(HASHES, 0).hashes != splits.rule(HASHES, 1).hashes
    assert sorted(splits.rule(HASHES, 0).hashes) == sorted(HASHES)


def test_the_digest_of_a_set_is_that_of_its_sorted_checksums():
    expected = hashlib.sha256("\n".join(sorted(HASHES)).encode()).hexdigest()
    assert splits.set_checksum(reversed(HASHES)) == expected


@pytest.fixture
def place(tmp_path):
    """A set with a list of three shots beside it."""
    files = {sha256: f"{i}.png" for i, sha256 in enumerate(HASHES[:3])}
    (tmp_path / "mine-3-0.txt").write_text(splits.text("mine", files))
    return tmp_path / "mine.zip"


def test_a_list_beside_the_set_is_found_and_keeps_its_order(place):
    found = splits.find_list("", "3-0", place, HASHES)
    assert found.origin == "list mine-3-0"
    assert found.hashes == tuple(HASHES[:3])
    assert splits.find_list("mine", "3-0", place.with_name("other.zip"), HASHES) == found
    assert splits.find_list("", "3-1", place, HASHES).hashes == ()


def test_a_list_of_another_copy_is_told_of_and_not_used(place):
    found = splits.find_list("", "3-0", place, HASHES[10:])
    assert found.hashes == ()
    assert found.note == "This is another copy of the set than that of the list mine-3-0."


def test_a_list_of_which_some_are_missing_is_an_error_that_names_the_first(place):
    with pytest.raises(UserError, match=r"lacks 2 of the 3 files .*mine-3-0\.txt \(first: 0\.png"):
        splits.find_list("", "3-0", place, HASHES[2:])
    with pytest.raises(UserError, match="removing that list goes by a rule instead"):
        splits.find_list("", "3-0", place, HASHES[2:])
    with pytest.raises(UserError, match=r"data\.splits='' goes by a rule instead"):
        splits.find_list("mine", "3-0", place, HASHES[2:])


@pytest.mark.parametrize("text", ["abc\n", "g" * 64, "a" * 65])
def test_a_line_without_a_checksum_is_refused(tmp_path, text):
    path = tmp_path / "x.txt"
    path.write_text(f"# title\n{text}")
    with pytest.raises(UserError, match="begins with no sha256"):
        splits.read(path)


def test_a_list_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        splits.read(tmp_path / "x.txt")
