"""Stages are done once, continued after a kill, and their names say all that determines them."""

from dataclasses import dataclass
from functools import partial

import pytest
import torch

from core import resumable
from core.optim import RowAdam


class Walk:
    """A random walk: its state is a place and a random stream."""

    steps = 10

    def __init__(self) -> None:
        self.rng, self.place, self.done = torch.Generator().manual_seed(3), torch.zeros(4), 0

    def step(self, number):
        self.place += torch.randn(4, generator=self.rng)
        self.done += 1
        if number == getattr(self, "ends_at", -1):
            raise KeyboardInterrupt

    def state(self):
        return {"place": self.place.clone(), "rng": self.rng.get_state()}

    def restore(self, state):
        self.place = state["place"]
        self.rng.set_state(state["rng"])

    def outcome(self):
        return {"place": self.place}


def silent(done):
    pass


def test_a_killed_stage_goes_on_and_ends_where_it_would_have_ended(tmp_path):
    whole = resumable.run_or_load(Walk(), tmp_path / "whole", 3, silent, "walk")
    killed = Walk()
    killed.ends_at = 7
    with pytest.raises(KeyboardInterrupt):
        resumable.run_or_load(killed, tmp_path / "killed", 3, silent, "walk")
    again = Walk()
    resumed = resumable.run_or_load(again, tmp_path / "killed", 3, silent, "walk")
    assert again.done == 4  # from step 6 on, the last that was written
    assert torch.equal(resumed["place"], whole["place"])
    assert not list(tmp_path.glob("*.unfinished"))


def test_a_finished_stage_is_not_done_again(tmp_path):
    first = resumable.run_or_load(Walk(), tmp_path / "walk", 3, silent, "a walk")
    second = Walk()
    assert torch.equal(
        resumable.run_or_load(second, tmp_path / "walk", 3, silent, "a walk")["place"],
        first["place"],
    )
    assert second.done == 0
    assert resumable.key_of(tmp_path / "walk") == "a walk"


@pytest.mark.parametrize("name", ["walk.unfinished", "walk"])
def test_a_damaged_file_means_to_begin_anew(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0" * 1000)
    stage = Walk()
    resumable.run_or_load(stage, tmp_path / "walk", 3, silent, "walk")
    assert stage.done == stage.steps


@dataclass(frozen=True)
class Numbers:
    value: object


class Encoder:
    def __init__(self, sha256):
        self.config, self._network = {"sha256": sha256}, object()


def test_a_key_changes_with_every_number_and_with_nothing_else():
    def key(value, sha256="a", lr=0.1):
        make = partial(Numbers, value=lr)
        return resumable.cache_key(part=Numbers(value), encode=Encoder(sha256), make=make)

    assert key(1) == key(1)
    assert len({key(1), key(2), key([1, 2]), key(1, lr=0.2), key(1, "b")}) == 5


def test_an_object_that_does_not_say_what_it_is_determined_by_has_no_key():
    with pytest.raises(TypeError, match="Walk has no config"):
        resumable.cache_key(part=Walk())


def test_rows_that_come_by_turns_move_as_if_each_had_an_adam_of_its_own():
    torch.manual_seed(0)
    start, turns = torch.randn(3, 5), [[0, 1], [1], [0, 1], [2], [1, 2]]
    together = torch.nn.Parameter(start.clone())
    optimiser = RowAdam([together], lr=0.1)
    alone = [torch.nn.Parameter(row.clone()) for row in start]
    own = [torch.optim.Adam([row], lr=0.1) for row in alone]
    for rows in turns:
        optimiser.zero_grad()
        (together[rows] ** 4).sum().backward()
        optimiser.step()
        for row in rows:
            own[row].zero_grad()
            (alone[row] ** 4).sum().backward()
            own[row].step()
    torch.testing.assert_close(together, torch.stack(alone))
