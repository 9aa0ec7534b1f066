"""Make and ship what DualStyleGAN needs of a source: ``python -m benchmarks.pretrain``.

That is stage II of its training, which is the same for all targets, and before it an encoder into
Z+, where the source has none. Both are found by ``method=dualstylegan`` from then on.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from benchmarks.encode import ship
from benchmarks.run import begin, build
from core import atomic
from core.networks.dualstylegan import DualStyleGAN
from core.paths import CONF, ROOT
from core.progress import console

LIMIT = 8 * 2**20  # bytes of a shipped stage II
USUAL = ("method=encoder_zplus", "data=parafaces_photo", "eval=smoke", "existing=replace")


def encoder(cfg: DictConfig, source: str) -> None:
    """Train and ship the encoder into Z+, where there is none."""
    asset = ROOT / cfg.method.pretraining.destylise.encode.encoder
    if asset.is_file():
        return
    words = [*USUAL, f"source={source}", f"folder={cfg.folder}", f"seed={cfg.seed}"]
    subprocess.run([sys.executable, "-m", "benchmarks.run", *words], check=True)
    runs = (Path(cfg.folder) / "out").glob(f"encoder_zplus--*--{source}--*/generator.safetensors")
    newest = max(runs, key=lambda path: path.stat().st_mtime)
    ship(newest, asset, {"run": newest.parent.name})


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def command(cfg: DictConfig) -> None:
    """Make what is not there, then ship stage II if it is small enough."""
    torch.set_num_threads(cfg.machine.threads)
    encoder(cfg, str(HydraConfig.get().runtime.choices["source"]))
    source = build(cfg.source)
    adapter = build(cfg.method, source)
    cache = adapter.pretraining
    dual = DualStyleGAN.untrained(source.g, res_index=cfg.method.res_index)
    key = cache.structure_transfer_key(source, dual)
    cache.structure_transfer(source, dual)
    made = cache.path_of(key)
    if not made.is_file():
        console.print(f"{cache.pretrained} is shipped already.", highlight=False)
        return
    data = made.read_bytes()
    if len(data) > LIMIT:
        console.print(f"{made} has {len(data):,} bytes, too many to ship.", highlight=False)
        return
    atomic.write(cache.pretrained, data)
    console.print(f"{cache.pretrained} ({len(data):,} bytes)", highlight=False)


def main() -> None:
    """Run with DualStyleGAN where the words name no other method."""
    if not any(word.startswith("method=") for word in sys.argv[1:]):
        sys.argv.insert(1, "method=dualstylegan")
    begin(command, __doc__)


if __name__ == "__main__":
    main()
