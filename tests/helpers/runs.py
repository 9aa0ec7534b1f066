"""Folders of runs as they are left behind, whose weights moved without a training."""

import torch
from omegaconf import OmegaConf

from benchmarks.harness.config.build import build
from benchmarks.harness.records import recipe
from benchmarks.harness.records.record import Record
from benchmarks.harness.records.run_id import RECORD, WEIGHTS
from benchmarks.harness.training import seeds
from core import weights
from tests.helpers import pages


def left(results, record, networks):
    """The folder of a run as it is left behind; its record is published."""
    made = Record.from_json(record)
    folder = results / "out" / made.name
    for path in (folder / RECORD, results / "runs" / f"{folder.name}.json"):
        made.write(path)
    weights.write(folder / WEIGHTS, networks, {})
    return folder


def finished(results, cfg, method, data, source, **changed):
    """Folder, record and adapter of such a run of a composed configuration."""
    given, domain = build(cfg.source), build(cfg.data)
    seeds.everything(cfg.seed, deterministic=True)
    adapter = build(cfg.method, given)
    adapter.prepare(domain.shots)
    with torch.no_grad():
        for parameter in adapter.eval_generator().parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    plain = recipe.unaddressed(recipe.spell_infinity(OmegaConf.to_container(cfg, resolve=True)))
    record = pages.record(method, data, 0, 0.1, source=source, config=plain) | changed
    record["provenance"] |= {
        "weights_sha256": given.sha256, "shots_sha256": domain.shots_sha256,
    }  # fmt: skip
    return left(results, record, adapter.export()), record, adapter
