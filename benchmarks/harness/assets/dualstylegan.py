"""What DualStyleGAN needs of a source, whatever the target: stage II, and an encoder into Z+."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.harness.assets import encoder
from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import compose, preferring
from benchmarks.harness.config.files import Config
from benchmarks.harness.records.run_id import WEIGHTS
from core import atomic
from core.networks.dualstylegan import DualStyleGAN
from core.paths import ROOT
from core.progress import told

LIMIT = 8 * 2**20  # bytes of a shipped stage II
ENCODER = ("method=encoder_zplus", "data=parafaces_photo", "eval=smoke", "existing=replace")


def make(words: Sequence[str]) -> list[str]:
    """Make what is not there, then ship stage II if it is small enough."""
    meant = compose(preferring({"method": "dualstylegan"}, words))
    cfg = meant.cfg
    torch.set_num_threads(cfg.machine.threads)
    lines = make_encoder(cfg, meant.choices["source"])
    source = build(cfg.source)
    cache = build(cfg.method, source).pretraining
    dual = DualStyleGAN.untrained(source.g, res_index=cfg.method.res_index)
    cache.path(source, dual, told)
    trained = cache.file(cache.path_name(source, dual))
    if not trained.is_file():
        return [*lines, f"{cache.pretrained} is shipped already."]
    data = trained.read_bytes()
    if len(data) > LIMIT:
        return [*lines, f"{trained} has {len(data):,} bytes, too many to ship."]
    atomic.write(cache.pretrained, data)
    return [*lines, f"{cache.pretrained} ({len(data):,} bytes)"]


def make_encoder(cfg: Config, source: str) -> list[str]:
    """Train and ship the encoder into Z+, where there is none."""
    asset = ROOT / cfg.method.pretraining.destylise.encode.encoder
    if asset.is_file():
        return []
    encoder.train([*ENCODER, f"source={source}", f"folder={cfg.folder}", f"seed={cfg.seed}"])
    runs = (Path(cfg.folder) / "out").glob(f"encoder_zplus--*--{source}--*/{WEIGHTS}")
    return encoder.ship(max(runs, key=lambda path: path.stat().st_mtime), asset, encoder.LIMIT)
