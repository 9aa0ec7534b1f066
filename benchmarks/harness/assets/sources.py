"""What is made once of a source: its encoder, codes of its test people, stage II of DualStyleGAN.
An encoder is trained by ``benchmarks.run``, shipped in half precision and measured; codes are what
`core.inversion.inverter.CachedInversion` reads, the test people inverted once for all runs; stage
II, and before it an encoder into Z+, is what DualStyleGAN needs, whatever the target.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.assets.accuracy import write_report
from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import compose, preferring
from benchmarks.harness.config.files import Config
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.records.provenance import environment
from benchmarks.harness.records.run_id import WEIGHTS
from core import atomic, hashing, weights
from core.errors import UserError
from core.inversion.inverter import save_codes
from core.networks import perception
from core.networks.dualstylegan import DualStyleGAN
from core.paths import ROOT
from core.source import Source

ENCODER_LIMIT, STAGE2_LIMIT = 4 << 20, 8 << 20  # bytes that a repository can carry for each source
OPTIMISED = (150, 300)  # steps that the encoder is compared with
COLUMNS = 10  # of the picture of inversions
INTO_Z = ("method=encoder_zplus", "data=parafaces_photo", "eval=smoke", "existing=replace")

Invert = Callable[[Tensor], Tensor]


def make_encoder(words: Sequence[str]) -> list[str]:
    """Train, ship, invert the test people anew where the source keeps them, measure."""
    meant = compose(preferring({"method": "encoder", "data": "parafaces_photo"}, words)).checked()
    cfg, run = meant.cfg, meant.place.folder
    torch.set_num_threads(cfg.machine.threads)
    train([*meant.words, "existing=replace"])
    asset = ROOT / cfg.source.invert.invert.encoder
    lines = ship(run / WEIGHTS, asset)
    if cfg.source.invert.codes:
        lines.append(write_codes(cfg))
    report = measure(cfg, run.name, asset)
    path = Path(cfg.folder) / "encoders" / f"{cfg.source.name}.json"
    write_report(path, report)
    return [*lines, json.dumps(report["ways"], indent=2), f"record: {path}"]


def make_codes(words: Sequence[str]) -> list[str]:
    """Write the codes; where, and how near they are."""
    return [write_codes(compose(words).checked().cfg)]


def make_stage2(words: Sequence[str]) -> list[str]:
    """Make what is not there, then ship stage II if it is small enough."""
    meant = compose(preferring({"method": "dualstylegan"}, words)).checked()
    cfg = meant.cfg
    source = [word for word in meant.words if word.lstrip("+").startswith("source")]
    torch.set_num_threads(cfg.machine.threads)
    lines = []
    encoder = ROOT / cfg.method.pretraining.destylise.encode.encoder
    if not encoder.is_file():
        train([*INTO_Z, *source, f"folder={cfg.folder}", f"seed={cfg.seed}"])
        runs = (Path(cfg.folder) / "out").glob(f"encoder_zplus--*--{meant.source}--*/{WEIGHTS}")
        lines = ship(max(runs, key=lambda path: path.stat().st_mtime), encoder)
    pair = build(cfg.source)
    cache = build(cfg.method, pair).pretraining
    dual = DualStyleGAN.untrained(pair.g, res_index=cfg.method.res_index)
    cache.structure_transfer(pair, dual)
    trained = cache.path_of(cache.structure_transfer_key(pair, dual))
    if not trained.is_file():
        return [*lines, f"{cache.pretrained} is shipped already."]
    data = trained.read_bytes()
    if len(data) > STAGE2_LIMIT:
        return [*lines, f"{trained} has {len(data):,} bytes, too many to ship."]
    atomic.write(cache.pretrained, data)
    return [*lines, f"{cache.pretrained} ({len(data):,} bytes)"]


def train(words: Sequence[str]) -> None:
    """Run in a process of its own, whose memory and random state end with it."""
    subprocess.run([sys.executable, "-m", "benchmarks.run", *words], check=True)


def ship(trained: Path, asset: Path) -> list[str]:
    """Write the encoder of a run in half precision, if it fits; what to say of its size."""
    networks, _ = weights.read(trained)
    for name, value in networks["encoder"].state_dict().items():
        if value.is_floating_point() and not value.half().isfinite().all():
            raise UserError(f"{trained}: {name} does not fit half precision.")
    weights.write(asset, networks, {"run": trained.parent.name}, torch.float16)
    size = asset.stat().st_size
    more = f", more than {ENCODER_LIMIT:,}." if size > ENCODER_LIMIT else "."
    return [f"{asset} has {size:,} bytes{more}"]


def held_out_people(cfg: Config) -> tuple[Any, Tensor]:
    """The source, and photos [N, 3, R, R] of the held-out people of the data."""
    return build(cfg.source), torch.cat(list(build(cfg.data).photos()))[: cfg.eval.photos]


def write_codes(cfg: Config) -> str:
    """Invert the test people of the data, if the source keeps codes; a sentence on the result."""
    if not cfg.source.invert.codes:
        raise UserError(f"{cfg.source.name} keeps no codes: its source.invert.codes is empty.")
    source, photos = held_out_people(cfg)
    ws = source.inverter.invert(source.g, photos)
    path = Path(cfg.source.invert.codes)
    save_codes(path, photos, ws, source.g)
    with torch.no_grad():
        inverted = torch.cat([source.g.synthesis(w) for w in ws.split(64)])  # bounds the memory
    rmse = (inverted - photos).square().mean().sqrt() * 127.5  # of [-1, 1] to grey levels
    picture = Path(cfg.folder) / "out" / f"{cfg.source.name}-inversions.png"
    rows = [contact_sheet.to_uint8(images) for images in (photos, inverted)]
    bands = [
        contact_sheet.Band(
            "" if i else "photos over inversions", [row[i : i + COLUMNS] for row in rows]
        )
        for i in range(0, len(photos), COLUMNS)
    ]
    contact_sheet.save(picture, contact_sheet.stack(bands, 128))
    return f"{path}: {len(ws)} people, {rmse:.1f} grey levels apart; {picture}"


def measure(cfg: Config, run: str, asset: Path) -> dict[str, Any]:
    """The record of an encoder as it was shipped."""
    source, photos = held_out_people(cfg)
    return {
        "schema": 1,
        "run": run,
        "bytes": asset.stat().st_size,
        "sha256": hashing.of_file(asset),
        "source_sha256": source.sha256,
        "people": len(photos),
        "ways": comparison(source, photos),
        "provenance": environment("cpu"),
    }


def comparison(source: Source, photos: Tensor) -> dict[str, dict[str, float]]:
    """Encoder, refinement and optimisation on photos [N, 3, R, R] of held-out people."""
    inverter: Any = source.inverter
    shipped = inverter.invert
    (encoder,) = shipped.encoders

    def optimised(batch: Tensor, steps: int) -> Tensor:
        shipped.otherwise.steps = steps
        return shipped.otherwise(source.g, batch)

    ways: dict[str, Invert] = {
        "encoder": lambda batch: shipped.encode(encoder, source.g, batch),
        f"encoder and {shipped.refine.steps} steps": lambda batch: shipped(source.g, batch),
        **{f"{n} steps of optimisation": partial(optimised, steps=n) for n in OPTIMISED},
    }
    return {name: inversion_error(source, photos, way) for name, way in ways.items()}


def inversion_error(source: Source, photos: Tensor, invert: Invert) -> dict[str, float]:
    """How near the inversions of photos [N, 3, R, R] are, and processor seconds for each."""
    begun = time.process_time()
    ws = invert(photos)
    ended = time.process_time()
    invert(photos[:1])
    alone = time.process_time() - ended
    network, guide = perception.load("measure"), perception.Guide()
    with torch.no_grad():
        pictures = source.g.synthesis(ws, noise_mode="const").clamp(-1, 1)
        cosines = (network.identity(pictures) * network.identity(photos)).sum(1)
        return {
            "distance": network.distance(pictures, photos).mean().item(),
            "guide_distance": guide(pictures, photos).mean().item(),
            "identity": cosines.mean().item(),
            "grey_levels": (pictures - photos).square().mean().sqrt().item() * 127.5,
            "seconds": (ended - begun) / len(photos),
            "seconds_alone": alone,
        }
