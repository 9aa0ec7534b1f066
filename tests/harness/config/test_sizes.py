"""Numbers that depend on the size of pictures, and lengths of a training by name."""

import pytest

from benchmarks.harness.config import validation
from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.files import resolved
from benchmarks.harness.config.grid import CompositionGrid
from benchmarks.harness.records import nested
from core.errors import UserError
from tests.helpers import sizes

FOLDER = ("data=folder", "data.root=x")


def method(*words):
    return compose([*FOLDER, *words]).unresolved["method"]


@pytest.mark.parametrize(
    ("words", "gamma"),
    [
        ((), 0.5),
        (("source.resolution=256",), 8),
        (("source.resolution=256", "method.batch_size=16"), 2),
        (("source.resolution=32",), 0.125),
        (("source.resolution=256", "method.r1.gamma=3"), 3),
    ],
)
def test_the_weight_of_r1_goes_with_pixels_over_batch(words, gamma):
    assert method("method=freezesg", *words)["r1"]["gamma"] == gamma


@pytest.mark.parametrize(
    ("side", "row"), [(32, 3), (64, 5), (128, 7), (256, 7), (512, 7), (1024, 7)]
)
def test_colour_rows_enter_64_px_or_half_the_side(side, row):
    words = (f"source.resolution={side}",)
    assert method("method=jojogan", *words)["rows"]["row"] == row
    dual = method("method=dualstylegan", *words)
    assert (dual["res_index"], dual["recoloured_from"]) == (row - 1, row)
    assert dual["pretraining"]["transfer"]["layers"] == [row, row - 1, row - 2]
    assert dual["pretraining"]["destylise"]["colour_from"] == row


def test_at_1024_px_rows_and_layers_are_those_of_the_released_code():
    words = ("source.resolution=1024",)
    ours, theirs = (method(f"method={name}", *words) for name in ("jojogan", "jojogan_released"))
    assert ours["rows"]["row"] == theirs["rows"]["row"]
    ours, theirs = (method(f"method=dualstylegan{end}", *words) for end in ("", "_released"))
    assert ours["res_index"] == theirs["res_index"]
    layers = [one["pretraining"]["transfer"]["layers"] for one in (ours, theirs)]
    assert layers[0] == layers[1]


def test_the_published_length_of_dualstylegan_is_that_of_its_released_variant():
    ours = nested.leaves(method("method=dualstylegan", "length=published"))
    theirs = nested.leaves(method("method=dualstylegan_released"))
    spent = ("images", "refine_from", "batch_size", "_steps", "half_life_kimg", "halve")
    keys = [key for key in theirs if key.endswith(spent)]
    assert len(keys) > 12
    assert {key: ours[key] for key in keys} == {key: theirs[key] for key in keys}


def test_a_length_is_a_word_of_the_method_and_gives_way_to_numbers():
    job = compose([*FOLDER, "method=cdc", "length=published", "method.ema.half_life_kimg=1"])
    assert (job.cfg.method.images, job.cfg.method.ema.half_life_kimg) == (20_000, 1)
    assert job.overrides == ["data.root=x", "length=published", "method.ema.half_life_kimg=1"]
    usual = compose([*FOLDER, "method=cdc"])
    assert compose([*FOLDER, "method=cdc", "length=default"]).place.recipe == usual.place.recipe
    assert job.place.recipe != usual.place.recipe


@pytest.mark.exhaustive  # a composition each
def test_a_smoke_takes_a_few_steps_of_everything():
    names = sorted(set(validation.choices_of("method")) - {"paired"})  # which has no other length
    for name in names:
        node = compose([*FOLDER, f"method={name}", "length=smoke"]).cfg.method
        leaves = nested.leaves(resolved(node))
        ends = ("images", "_steps")
        spent = {key: n for key, n in leaves.items() if key.endswith(ends)}
        assert spent
        assert all(count <= 64 for count in spent.values()), (name, spent)


def test_shots_make_the_published_length_of_jojogan():
    made = compose([*FOLDER, "method=jojogan", "length=published", "data.shots=3"]).cfg.method
    assert (made.images, made.batch_size) == (900, 3)


def test_a_length_that_a_method_has_not_is_one_sentence():
    with pytest.raises(UserError, match=r"method=cdc has no length=forever; it has default, "):
        method("method=cdc", "length=forever")
    with pytest.raises(UserError, match="method=paired has no length=published"):
        method("method=paired", "length=published")


@pytest.mark.parametrize("words", [("source.resolution=256",), ("length=published",)])
def test_a_sweep_gives_every_method_its_own_numbers(words):
    grid = CompositionGrid()
    for name in ("freezesg", "dualstylegan", "jojogan", "cdc"):
        typed = (*FOLDER, *words, f"method={name}")
        assert grid(typed).place.recipe == compose(typed).place.recipe


def test_the_page_says_what_the_rules_give():
    page = sizes.PAGE.read_text(encoding="utf-8")
    assert "| `r1.gamma` |" in page
    assert sizes.with_tables(page) == page, "python -m tests.helpers.sizes writes it anew"
