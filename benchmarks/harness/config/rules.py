"""Values that depend on others: numbers on the size of the pictures, a machine's on what there is,
and lengths of a training by name. A yaml says a rule; composition puts the value in its place, so
that recipes and records hold values only.
"""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

from omegaconf import OmegaConf

from benchmarks.harness.io import machine
from benchmarks.harness.records import nested
from core.errors import UserError

USUAL = "default"  # the length that a method's yaml gives as its own


def gamma(value: float, resolution: int, batch_size: int, *, _root_: Any) -> float:
    """R1's gamma in proportion to pixels over batch (arXiv:2006.06676, appendix C, ``auto``),
    ``value`` at a resolution and batch size.
    """
    area = (positive(_root_.source.resolution) / resolution) ** 2
    return float(value * area * batch_size / positive(_root_.method.batch_size))


def row(side: int, more: int = 0, *, _root_: Any) -> int:
    """The first row of styles that enters ``side`` px, or half the picture's side where that is
    less: what is decided at half the side is the finest that rows have to share; ``more`` rows on.
    """
    entered = min(side, max(4, positive(_root_.source.resolution) // 2))
    return 2 * int(math.log2(entered)) - 5 + more  # b4 has row 0, b8 rows 1 and 2, b16 3 and 4


def times(*factors: Any) -> float:
    return math.prod(positive(factor) for factor in factors)


def positive(value: Any) -> int:
    """A positive whole number; of what is none, which the check will name, one."""
    return max(1, value) if isinstance(value, int) else 1


def by_device(cpu: Any, gpu: Any, mps: Any, *, _root_: Any) -> Any:
    """What goes with the device of a run, of which there must be as many as are asked for."""
    found = machine.best()
    enough = found.devices >= positive(_root_.machine.trainer.devices)
    return {"cpu": cpu, "gpu": gpu, "mps": mps}[found.kind if enough else "cpu"]


def by_card(usual: Any, old: Any) -> Any:
    """What goes with the GPU that there is: ``old`` where it has no arithmetic of bfloat16."""
    found = machine.best()
    return old if found.kind == "gpu" and not found.bf16 else usual


def precision(asked: Any, accelerator: str) -> Any:
    """What is asked for; for ``auto``, bfloat16 where the device is quicker at it."""
    if asked != "auto":
        return asked
    found = machine.of_cpu("") if accelerator == "cpu" else machine.best()
    return "bf16-mixed" if found.bf16 else "32-true"


RULES: dict[str, Callable[..., Any]] = {
    **{"gamma": gamma, "row": row, "times": times},
    **{"by_device": by_device, "by_card": by_card, "precision": precision},
}
for name, rule in RULES.items():
    OmegaConf.register_new_resolver(name, rule, replace=True)


DECIDING = ("source", "method", "data", "machine", "seed")
"""Parts of a configuration that rules look at."""


def is_rule(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(tuple(f"${{{name}:" for name in RULES))


def applied(unresolved: dict[str, Any]) -> dict[str, Any]:
    """A configuration with values in place of the rules."""
    keys = [key for key, _, value in nested.entries(unresolved) if is_rule(value)]
    if not keys:
        return unresolved
    ruling = {*DECIDING, *(key.split(".")[0] for key in keys)}  # the rest takes time to be made
    says = OmegaConf.create({group: unresolved[group] for group in ruling if group in unresolved})
    made = copy.deepcopy(unresolved)
    for key in keys:
        *path, last = (int(word) if word.isdigit() else word for word in key.split("."))
        node: Any = made
        for name in path:
            node = node[name]
        node[last] = OmegaConf.select(says, key)
    return made


def lengthen(unresolved: dict[str, Any], method: str, words: Sequence[str]) -> None:
    """Give a method the numbers of the length that is asked for, but where ``words`` name one."""
    lengths, asked = unresolved["method"].pop("lengths", {}), unresolved.pop("length")
    known = {USUAL: {}} | {name: own for name, own in lengths.items() if own is not None}
    if asked not in known:
        raise UserError(f"method={method} has no length={asked}; it has {', '.join(known)}.")
    typed = {word.lstrip("+").partition("=")[0] for word in words}
    for key, value in nested.leaves(known[asked], branches=(dict,)).items():
        *path, last = key.split(".")
        node = unresolved["method"]
        for name in path:
            node = node[name]
        if f"method.{key}" not in typed:
            node[last] = value
