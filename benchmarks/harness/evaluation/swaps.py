"""Rows of one finished run: its weights are read back and evaluated with swapped layers."""

from pathlib import Path
from typing import Any

from torch import nn

from benchmarks.harness.records.provenance import SAME_RUN, changes
from benchmarks.harness.records.record import Record
from benchmarks.harness.records.run_id import RECORD, WEIGHTS
from core import weights
from core.errors import UserError
from core.networks.folding import fold
from core.networks.generator import Generator, Synthesis
from core.networks.layer_swap import Swap, install


def finished(folder: Path, content: dict[str, Any]) -> bool:
    """Whether a run lies there whole, of the source, the shots and more that ``content`` names."""
    if not (folder / WEIGHTS).is_file() or not (folder / RECORD).is_file():
        return False
    try:
        record = Record.read(folder / RECORD)
    except UserError:
        return False
    return not record.failed and not changes(record.content, content, SAME_RUN)


def recall(adapter: Any, folder: Path) -> Record:
    """Give the adapter the networks of a finished run; the run's record."""
    record = Record.read(folder / RECORD)
    networks, _ = weights.read(folder / WEIGHTS)
    adapter.recall(networks)
    adapter.start_at(int(record.cost.images))
    return record


def apply(swap: Swap, adapter: Any) -> dict[str, nn.Module]:
    """Swap layers of the adapter's evaluated generator; what can be written of it, by name."""
    generator = adapter.eval_generator()
    if not isinstance(generator, Generator):
        raise UserError(f"{type(adapter).__name__} has no generator whose layers can be swapped.")
    install(swap(adapter.source.g, fold(generator)), generator)
    # Two networks whose features meet are not one network of its class.
    return {"g_ema": generator} if isinstance(generator.synthesis, Synthesis) else {}
