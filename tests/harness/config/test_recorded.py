"""Configurations out of records: infinity comes back, and nothing but texts and known classes."""

import pytest

from benchmarks.harness.config.recorded import configuration, rebuilding, with_infinity
from benchmarks.harness.records import recipe
from core.errors import UserError


def test_infinity_comes_back_from_a_record():
    plain = {"a": [float("inf"), {"every": float("inf")}], "b": "text", "c": 1}
    assert with_infinity(recipe.spell_infinity(plain)) == plain


def test_classes_of_a_record_get_the_addresses_that_the_yamls_name():
    cfg = configuration({"config": {"ema": {"_target_": "EMA", "half_life_kimg": ".inf"}}})
    assert cfg.ema._target_ == "core.ema.EMA"
    assert cfg.ema.half_life_kimg == float("inf")


@pytest.mark.parametrize(
    "config",
    [{"a": "${oc.env:HOME}"}, {"a": [{"b": "x${a}"}]}, {"${a}": 1}],
    ids=["text", "nested", "key"],
)
def test_a_text_of_a_record_stands_for_nothing_else(config):
    with pytest.raises(UserError, match=r"holds \$\{"):
        configuration({"config": config})


def test_what_another_version_cannot_build_is_one_sentence():
    sentence = r"^it cannot be built by this version: no such option\.$"
    with pytest.raises(UserError, match=sentence), rebuilding("it"):
        raise TypeError("no such\n option")
    with pytest.raises(UserError, match=r"^the file is gone$"), rebuilding("it"):
        raise RuntimeError("around it") from UserError("the file is gone")
