"""Options are held against the constructor that takes them, whichever it is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Protocol

import pytest
from annotated_types import Ge, Gt, Len, Lt

from benchmarks.harness.config import signatures, targets
from benchmarks.harness.config.validation import GROUPS
from core.errors import UserError
from tests.helpers import conf


class Seeing(Protocol):
    def see(self) -> None: ...


class Base:
    def __init__(self, *, count: Annotated[int, Gt(0)], rate: float) -> None:
        self.count, self.rate = count, rate


class New(Base):
    """As a new method is written: its own options, the others behind ``**``."""

    def __init__(
        self,
        source: Any,
        *,
        steps: Annotated[int, Gt(0)],
        share: Annotated[float, Ge(0), Lt(1)] = 0.5,
        name: str = "",
        flag: bool = False,
        blocks: Sequence[str] = (),
        patterns: Iterable[str] = (),
        pair: Annotated[Sequence[float], Len(2, 2)] = (0, 0),
        sizes: Mapping[int, int] | None = None,
        make: Callable[..., Base] = Base,
        seeing: Seeing | None = None,
        other: Base | None = None,
        root: str = "",
        **base: Any,
    ) -> None:
        super().__init__(**base)


@pytest.fixture(autouse=True)
def _named(monkeypatch):
    named = {"adapters.new.New": New, "adapters.new.Base": Base}
    usual = targets.allowed
    monkeypatch.setattr(
        targets, "allowed", lambda key, target: named.get(target) or usual(key, target)
    )
    signatures.parameters.cache_clear()
    yield
    signatures.parameters.cache_clear()


def node(**options):
    return {"method": {"_target_": "adapters.new.New", "_partial_": True, **options}}


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 3, "count": 1, "rate": 0.1},
        {"rate": 2},
        {"share": 0, "flag": True, "name": "2"},
        {"blocks": ["a"], "patterns": [], "pair": [1, 0.5]},
        {"sizes": {4: 16}},
        {"sizes": None},
        {"rate": float("inf")},
        {"make": {"_target_": "adapters.new.Base", "_partial_": True, "count": 2}},
        {"other": {"_target_": "adapters.new.Base", "count": 1, "rate": 1}},
        {"root": 2024},
    ],
)
def test_values_that_a_constructor_means_pass(options):
    signatures.check(node(**options))
    with pytest.raises(UserError, match=r"no option 'method\.other_than_these'"):
        signatures.check(node(**options, other_than_these=1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 2.5}, "method.steps=2.5 must be a whole number."),
        ({"steps": 0}, "method.steps=0 must be more than 0."),
        ({"steps": True}, "method.steps=True must be a whole number."),
        ({"count": 2.5}, "method.count=2.5 must be a whole number."),
        ({"count": 0}, "method.count=0 must be more than 0."),
        ({"rate": "fast"}, "method.rate=fast is no number."),
        ({"rate": "0.1"}, "method.rate=0.1 is no number."),
        ({"rate": False}, "method.rate=False is no number."),
        ({"rate": [1]}, "method.rate=[1] is no number."),
        ({"rate": None}, "method.rate=None is no number."),
        ({"share": 1}, "method.share=1 must be less than 1.0."),
        ({"flag": 1}, "method.flag=1 must be true or false."),
        ({"name": 3}, "method.name=3 must be a text."),
        ({"blocks": "a"}, "method.blocks=a must be a list, method.blocks=[...]."),
        ({"blocks": [1]}, "method.blocks.0=1 must be a text."),
        ({"patterns": [1]}, "method.patterns.0=1 must be a text."),
        ({"pair": [1]}, "method.pair=[1] must have at least 2 entries."),
        ({"make": 3}, "method.make=3 is refused: method.make is a group of options."),
        ({"seeing": 3}, "method.seeing=3 is refused: method.seeing is a group of options."),
        ({"other": "x"}, "method.other=x is refused: method.other is a group of options."),
        (
            {"make": {"_target_": "adapters.new.Base", "count": 0.5}},
            "method.make.count=0.5 must be a whole number.",
        ),
    ],
)
def test_values_that_it_cannot_mean_are_refused_in_a_sentence(options, said):
    with pytest.raises(UserError) as refused:
        signatures.check(node(**options))
    assert str(refused.value) == said


def test_an_option_that_it_does_not_take_is_refused_with_those_that_it_does():
    with pytest.raises(
        UserError, match=r"no option 'method\.stps'; method takes count, rate, source"
    ):
        signatures.check(node(stps=3))


def test_every_class_that_a_file_names_says_what_it_takes():
    found = conf.targets(*GROUPS)
    assert found
    for target in found:
        for hint in signatures.parameters(target).values():
            signatures.adapter_of(hint)
