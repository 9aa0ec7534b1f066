"""Another object in place of one: its options are those of the new one, however it is said."""

import pytest

from benchmarks import run
from benchmarks.harness.config import validation
from benchmarks.harness.config.complaints import unknown_option
from benchmarks.harness.config.compose import compose, replacing
from core.errors import UserError

FIXED = {"_target_": "core.augment.Fixed", "pipeline": "bgc", "p": 0.3, "seed": 0}
ONE = "method.augment={_target_: core.augment.Fixed, pipeline: bgc, p: 0.3, seed: 0}"
SINGLE = [
    "method.augment._target_=core.augment.Fixed", "method.augment.pipeline=bgc",
    "method.augment.p=0.3", "method.augment.seed=0",
]  # fmt: skip


def augment(*words):
    job = compose(["source=tiny", "method=finetune", *words])
    validation.check(job.cfg)
    return job.unresolved["method"]["augment"]


@pytest.mark.parametrize("words", [[ONE], SINGLE, SINGLE[1:] + SINGLE[:1]])
def test_an_object_is_replaced_whole_or_option_by_option(words):
    assert augment(*words) == FIXED


def test_of_the_old_object_is_left_what_the_new_one_takes():
    assert augment("method=freezed", "method.augment._target_=core.augment.Off") == {
        "_target_": "core.augment.Off"
    }
    fixed = "method.augment={_target_: core.augment.Fixed, p: 0.3}"
    kept = FIXED | {"seed": "${method.seed}"}
    assert augment("method=freezed", fixed) == kept


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (SINGLE[:3], "method.augment.seed must be given."),
        ([*SINGLE, "method.augment.sed=1"],
         "There is no option 'method.augment.sed'; method.augment takes pipeline, p, seed."),
        ([ONE.replace("0.3", "-1")], "method.augment.p=-1 must be at least 0.0."),
        (["+method.augment.p=1"],
         "There is no option 'method.augment.p'; method.augment takes none."),
        (["method.augment={_target_: core.losses.penalties.R1, gamma: 1, every: 2}"],
         "method.augment=core.losses.penalties.R1 is no Off or Fixed."),
        (["method.lr={_target_: core.augment.Off}"], "method.lr=core.augment.Off is no float."),
        (["method.augment._target_=core.augment.Nope"],
         "method.augment._target_=core.augment.Nope does not exist."),
        (["method.augment._target_=os.system"], "method.augment._target_=os.system is refused"),
    ],
)  # fmt: skip
def test_an_object_is_held_against_what_the_new_one_takes(words, said):
    with pytest.raises(UserError) as refused:
        augment(*words)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    "word", ["method.augment.pipeline=bgc", "method.augment={pipeline: bgc}", "method.mixing_prb=1"]
)
def test_a_suggestion_is_an_option_and_not_what_was_typed(capsys, word):
    assert run.main(["source=tiny", "method=finetune", word]) == 2
    said = capsys.readouterr().err.strip()
    _, _, hint = said.partition("did you mean ")
    assert hint.rstrip("?") in ("", "method.mixing_prob")
    assert hint or said.endswith("see --cfg job for those of method.")


def test_words_without_another_object_stay_as_they_are():
    words = ["method=ewc", "seed=1,2", "+data.x={a: 1}", "eval.samples=3"]
    assert replacing(words) == words
    assert replacing([*words, "method._target_=adapters.cdc.CDC"])[:4] == words


def test_every_option_of_every_configuration_may_be_suggested():
    job = compose(["source=tiny", "method=finetune"])
    for key in ("method.lrx", "data.shotss", "eval.sample", "machine.thread"):
        assert f"did you mean {key[:9]}" in unknown_option(key, job.cfg)
