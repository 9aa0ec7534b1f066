"""Every number of a configuration has bounds, and what lies beyond is refused before anything."""

import math
from typing import Annotated, Literal, get_args, get_origin

import pytest

from benchmarks.harness.config import signatures, validation
from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.files import plain
from benchmarks.harness.records import nested
from core.bounds import LARGEST, MOST
from core.errors import UserError
from core.paths import CONF
from tests.helpers import conf

NAMED = sorted(conf.targets())


def unbounded(hint):
    """Whether an annotation takes any number at all."""
    if get_origin(hint) is Annotated:
        kind, *about = get_args(hint)
        below = any(hasattr(part, "ge") or hasattr(part, "gt") for part in about)
        return unbounded(kind) and not (kind in (int, float) and below)
    if get_origin(hint) is Literal:
        return False
    inner = get_args(hint)
    if get_origin(hint) is not None and hasattr(get_origin(hint), "keys"):
        inner = inner[1:]  # names, and resolutions of a generator
    return hint in (int, float) or (not callable_of(hint) and any(map(unbounded, inner)))


def callable_of(hint):
    return "Callable" in str(get_origin(hint))


def test_every_number_of_a_constructor_that_conf_names_has_bounds():
    assert len(NAMED) > 90
    loose = [
        f"{target}.{name}"
        for target in NAMED
        for name, hint in signatures.parameters(target).items()
        if unbounded(hint)
    ]
    assert loose == []


def numbers():
    """Constructor, option, and what a file of conf gives it, of every number there."""
    found = {}
    for path in sorted(CONF.rglob("*.yaml")):
        for _, _, part in [("", "", plain(path)), *nested.entries(plain(path))]:
            for name, value in part.items() if isinstance(part, dict) else ():
                number = isinstance(value, int | float) and not isinstance(value, bool)
                target = part.get("_target_")
                if number and target and name in signatures.parameters(target):
                    found[target, name] = value
    return found


def refused(target, name, value):
    said = ""
    try:
        signatures.check_value(value, signatures.parameters(target)[name], f"some.{name}")
    except UserError as error:
        said = str(error)
    assert said.startswith(f"some.{name}") or not said
    assert len(said.splitlines()) <= 1
    return bool(said)


def test_what_no_number_of_conf_can_be_is_refused():
    known = numbers()
    assert len(known) > 100
    for (target, name), usual in known.items():
        never = [-1, math.nan, -math.inf, "word", None, [[1]], {"a": 1}, True]
        if isinstance(usual, int) and not refused(target, name, 1):
            whole = refused(target, name, 1.0)  # else it is a number that happens to be whole
            never += [1.5, 1e30, 10**20] if whole else []
        if not (isinstance(usual, float) and math.isinf(usual)):
            never.append(math.inf)
        for value in never:
            assert refused(target, name, value) or name in ("every", "ramp"), (target, name, value)
        assert not refused(target, name, usual), (target, name)


INTRA, K, KID = "intra@parafaces", "precision@parafaces", "kid@parafaces"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([f"eval.metrics={{{INTRA}: {{cap: 1}}}}"], f"{INTRA}.cap=1 must be at least 2."),
        ([f"eval.metrics={{{INTRA}: {{cap: 0}}}}"], f"{INTRA}.cap=0 must be at least 2."),
        ([f"eval.metrics={{{K}: {{k: 0}}}}"], f"eval.metrics.{K}.k=0 must be more than 0."),
        ([f"eval.metrics={{{K}: {{k: 2.5}}}}"], f"eval.metrics.{K}.k=2.5 must be a whole number."),
        ([f"eval.metrics={{{KID}: {{subsets: 0}}}}"], f"{KID}.subsets=0 must be more than 0."),
        (["eval.metrics={palette@lab: {axes: 0}}"], "palette@lab.axes=0 must be more than 0."),
        (["eval.metrics={palette@lab: {side: 0}}"], "palette@lab.side=0 must be more than 0."),
        (["eval.metrics={palette@lab: {quantiles: 0}}"], "quantiles=0 must be more than 0."),
        (["eval.metrics={landmarks@parafaces: {ridge: 0}}"], "ridge=0 must be at least 1e-06."),
        (["eval.batch_size=0"], "eval.batch_size=0 must be more than 0."),
        (["eval.samples=99999999999999999999"], f"must be at most {MOST}."),
        (["swap.resolution=8.0"], "swap.resolution=8.0 must be a whole number."),
        (["data.resolution=64.0"], "data.resolution=64.0 must be a whole number."),
        (["source.resolution=64.0"], "source.resolution=64.0 must be a whole number."),
        (["machine.threads=0"], "machine.threads=0 must be more than 0."),
        (["method.r1.every=0"], "method.r1.every=0 must be more than 0."),
        (["method.d_optimizer.every=0"], "method.d_optimizer.every=0 must be at least 1.0."),
        (["machine.trainer.precision=16-true"],
         "machine.trainer.precision=16-true must be 32-true or bf16-mixed."),
        (["machine.trainer.precision=bf16-true"],
         "machine.trainer.precision=bf16-true must be 32-true or bf16-mixed."),
        (["machine.trainer.devices=0"], "machine.trainer.devices=0 must be more than 0"),
        (["+machine.trainer.limit_train_batches=1"], "There is no option"),
        (["machine=ddp", "machine.trainer.strategy.timeout_minutes=1e30"], "at most 1000000.0."),
        (["method=encoder", "method.steps.probes=0"], "method.steps.probes=0 must be more than 0."),
        (["method=encoder", "method.warmup=1"], "method.warmup=1 must be less than 1.0."),
        (["method=encoder", "method.optimizer.betas=[0.9,5]"], "betas.1=5 must be less than 1.0."),
        (["method=encoder", "method.encoder.options.channels=[0,1,2,3]"], "channels.0=0 must"),
        (["method=structure", "method.structure_resolutions=[]"], "must have at least 1 entries."),
        (["method.lr=1e31"], f"method.lr=1e+31 must be at most {LARGEST}."),
    ],
)  # fmt: skip
def test_a_number_that_cannot_be_is_named_before_anything_is_trained(words, said):
    job = compose(["source=tiny", "method=finetune", *words])
    with pytest.raises(UserError) as sentence:
        validation.check(job.cfg)
    assert said in str(sentence.value)


def test_what_more_memory_than_there_is_is_wanted_for_is_one_sentence(capsys):
    from benchmarks import run

    assert run.main(["source=tiny", "source.z_dim=2147483647", "method=finetune"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("styleshift: There is not enough memory: ")
    assert len(said.splitlines()) == 1
