"""One run as one JSON file: what was run, what came out, what it cost, where it ran."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError, from_json

from benchmarks.harness.records import recipe as ids
from core import output, regular
from core.errors import UserError

SCHEMA = 2  # 1 held the addresses of classes, and its ids depended on them
NEAR_ZERO = 0.02  # below it a relative difference would measure noise
LARGEST = 1e100  # what can still be averaged and squared

VALUES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("precision", "recall", "coverage", "recognition"), (0, 1)),
    **dict.fromkeys(("glasses", "gaze"), (0, 1)),
    **dict.fromkeys(("truth", "artefacts", "tone", "tone_light", "tone_dark"), (0, LARGEST)),
    **{f"{name}_of_fakes": (0, LARGEST) for name in ("truth", "artefacts", "tone")},
    **dict.fromkeys(
        ("density", "intra", "pairwise", "nearest_shot", "nearest_source"), (0, LARGEST)
    ),
    **dict.fromkeys(("palette", "ppl", "landmarks", "translation", "structure"), (0, LARGEST)),
    **dict.fromkeys(("fd", "fid", "clean_fid"), (-1, LARGEST)),  # near 0 it is rounded below
    **{"identity": (-1.001, 1.001), "authpct": (0, 100)},
}
"""The least and the largest number that a metric can give, of those that cannot give any."""

Count = Annotated[int, Field(ge=0, lt=2**63)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
Node = dict[str, Any]
"""An object of JSON of which nothing is asked here."""


def fault(sentence: str, **parts: str) -> PydanticCustomError:
    """What is wrong, as one clause."""
    return PydanticCustomError("record", sentence, parts)


def possible(metrics: dict[str, Measurement]) -> dict[str, Measurement]:
    """Metrics that name their extractors, with values that they can have."""
    for key, metric in metrics.items():
        if "@" not in key:
            raise fault("{key} does not name its extractor", key=key)
        low, high = VALUES.get(key.partition("@")[0], (-LARGEST, LARGEST))
        for value in (metric.value, metric.details.source):
            if value is not None and not low <= value <= high:
                bounds = f"from {low:g}" + (f" to {high:g}" if high < LARGEST else "")
                raise fault(
                    "{key} is {bounds}, not {value}", key=key, bounds=bounds, value=f"{value:g}"
                )
    return metrics


def beside(name: str) -> str:
    """The name of a folder beside others, or none."""
    if name.startswith(".") or set("/\\") & set(name):
        raise fault("it is no name of a run")
    return name


def drawn(data: Node) -> Node:
    """A configuration of data whose list of shots has a number."""
    if not isinstance(data.get("draw", 0), int):
        raise fault("draw is a whole number")
    return data


def over_kimg(curves: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
    """Curves that are equally long and over ``kimg``, which has no gap; or none at all."""
    if curves and (None in curves.get("kimg", [None]) or len(set(map(len, curves.values()))) > 1):
        raise fault("curves are equally long lists of numbers over a kimg without gaps")
    return curves


def object_of_objects(metrics: Any) -> Any:
    if not isinstance(metrics, dict) or not all(isinstance(m, dict) for m in metrics.values()):
        raise fault("metrics are an object of objects")
    return metrics


class Part(BaseModel):
    """A part of a record; what else it holds is kept."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", populate_by_name=False)


class Details(Part):
    """What a metric says beside its value."""

    source: Number | None = None  # the unadapted source's own number, where the metric says it
    reference: Any = 0  # how many real pictures the value rests on, where it rests on any


class Measurement(Part):
    """What was measured by one metric."""

    value: Number
    better: Literal["lower", "higher"]
    n: Count  # how many pictures the value rests on
    details: Details = Details()


class Cost(Part):
    """What a training cost: images shown, seconds, numbers trained, most bytes at a time."""

    images: Count
    seconds: Amount
    trainable: Count
    peak_bytes: Count


class Provenance(Part):
    """Where and with what the run happened; checksums of pictures and networks stand beside."""

    commit: str
    torch: str
    lightning: str
    python: str
    device: str
    started: str
    weights_sha256: str
    dirty: bool = False  # whether the code that ran is not that of the commit
    code: str = ""  # checksum of the code that ran; empty in records that do not say it
    shots_sha256: str = ""


class Evaluation(Part):
    """The configuration of the evaluation."""

    seed: Any = 0
    metrics: Annotated[Node, BeforeValidator(object_of_objects)] = {}


class Machine(Part):
    """The configuration of the machine."""

    trainer: Node = {}


class Config(Part):
    """The resolved configuration of the run, by group."""

    machine: Machine = Machine()
    method: Node = {}
    data: Annotated[Node, AfterValidator(drawn)] = {}
    source: Node = {}
    swap: Node = {}
    eval: Evaluation = Evaluation()


class Record(Part):
    """One run: a typed view of a JSON object, which it keeps, unknown parts and all."""

    version: Literal[2] = Field(alias="schema")
    method: str
    data: str
    source: str
    eval: str
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]  # numpy's, as that of a run
    recipe: Annotated[str, Field(pattern=r"^[0-9a-z]{8}$")]  # of the configuration but for the seed
    paper: str  # where the method comes from
    overrides: list[str] = []
    state: Literal["finished", "failed"] = "finished"
    reason: str = ""  # why the run failed
    # The run whose layers are swapped here; empty for a run of its own.
    of: Annotated[str, AfterValidator(beside)] = ""
    warnings: list[str] = []
    metrics: Annotated[dict[str, Measurement], AfterValidator(possible)]
    left_out: dict[str, str] = {}  # why a metric has no value, by its name
    tolerance: Amount = 0.0  # relative difference within which a repetition is the same
    cost: Cost
    # Readings by name over kimg, thousands of images; None where there was none.
    curves: Annotated[dict[str, list[Number | None]], AfterValidator(over_kimg)] = {}
    provenance: Provenance
    config: Config

    _node: Node = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _failed_for_a_reason(self) -> Record:
        if self.failed and "reason" not in self.model_fields_set:
            raise fault("the run failed, and its reason is missing")
        return self

    @classmethod
    def from_json(cls, node: Any) -> Record:
        """The record that a JSON object is, or a ValueError of what is wrong, in sentences."""
        try:
            record = cls.model_validate(node)
        except ValidationError as error:
            raise ValueError(sentences(error)) from None
        record._node = node
        return record

    def to_json(self) -> Node:
        """The object as it was read or made; not to be changed."""
        return self._node

    @classmethod
    def read(cls, path: Path) -> Record:
        """The record of a file, or a UserError where it cannot be read or holds none."""
        try:
            node = from_json(regular.read(path), allow_inf_nan=False)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is not a readable record: {error}.") from error
        try:
            return cls.from_json(node)
        except ValueError as error:
            raise UserError(f"{path} is not a sound record: {error}") from error

    def write(self, path: Path) -> None:
        """Write the record at once, so that no reader ever meets half of it."""
        text = json.dumps(self._node, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
        output.write(path, text.encode(), "The record")

    @property
    def failed(self) -> bool:
        return self.state == "failed"

    @cached_property
    def name(self) -> str:
        """What its file and its folder are called, without ending."""
        groups = {"method": self.method, "data": self.data, "source": self.source}
        return ids.name(groups, self.recipe, self.seed)

    @cached_property
    def choices(self) -> dict[str, str]:
        """The yamls that it is known to be composed of, by group: a source of a name of its own is
        the one that its words choose, or the usual one.
        """
        words = [word.lstrip("+") for word in self.overrides]
        chosen = {group: getattr(self, group) for group in ids.GROUPS}
        if any(word.startswith(("source.name=", "source.weights=")) for word in words):
            del chosen["source"]
        named = (word.partition("=") for word in words)
        return chosen | {group: name for group, _, name in named if group in ("source", "swap")}

    @cached_property
    def changes(self) -> tuple[str, ...]:
        """Overrides of the method, of its training or of the layers that are swapped."""
        return tuple(word for word in sorted(self.overrides) if ids.is_of_method(word))

    @cached_property
    def data_label(self) -> str:
        """The data set, with what was changed in it, in the source or in the evaluation."""
        published = bool(self.config.data.get("splits"))
        return " ".join((self.data, *ids.of_task(self.overrides, published=published)))

    @cached_property
    def task(self) -> tuple[str, ...]:
        """What was changed in the task, less where data lie: other shots are another benchmark."""
        return ids.of_task(self.overrides, published=True)

    @cached_property
    def content(self) -> Node:
        """What the run was made of: checksums, and how its machine computes."""
        machine = self._node["config"].get("machine", {})
        return {"arithmetic": ids.arithmetic(machine), **self._node["provenance"]}

    def disagreement(self, earlier: Record) -> dict[str, float]:
        """Relative difference of every metric that both hold; near 0 in units of 0.02."""
        pairs = {key: (self.metrics[key].value, metric.value)
                 for key, metric in earlier.metrics.items() if key in self.metrics}  # fmt: skip
        return {key: abs(a - b) / max(abs(a), abs(b), NEAR_ZERO) for key, (a, b) in pairs.items()}


def sentences(error: ValidationError) -> str:
    """Each fault with its place: ``metrics.kid@tiny.value: input should be a finite number.``"""
    clauses = []
    for one in error.errors(include_url=False, include_input=False):
        words = "it is no JSON object" if one["type"] == "model_type" else one["msg"]
        place = ".".join(map(str, one["loc"])) or "record"
        clauses.append(f"{place}: {words[0].lower()}{words[1:]}.")
    return " ".join(clauses)
