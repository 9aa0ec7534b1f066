"""Checkpoints of other implementations to ours and back: ``python -m benchmarks.convert IN OUT``.

IN is rosinality's or DualStyleGAN's ``.pt``, NVIDIA's ``.pkl`` or our ``.safetensors``, recognised
by its content; OUT ends in ``.safetensors`` (ours) or ``.pt`` (theirs). Nothing in IN is ever
executed.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from benchmarks.harness.config.cli import command
from benchmarks.harness.io.terminal import console
from core.errors import UserError

if TYPE_CHECKING:
    from core.convert import Networks

PLAIN = re.compile(r"[\w./-]*[./][\w./-]*", re.ASCII)  # a path that shells and Hydra leave alone


@command()
def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.convert", description=__doc__)
    parser.add_argument("source", metavar="IN", type=Path)
    parser.add_argument("target", metavar="OUT", type=Path)
    options = parser.parse_args(words)
    from core.convert import load, save
    from core.networks.generator import Generator

    if not options.source.is_file():
        raise UserError(f"There is no file {options.source}.")
    if options.target.exists() and options.target.samefile(options.source):
        raise UserError(f"{options.target} would overwrite the file that is read.")
    networks = load(options.source)
    lost = save(options.target, networks)
    console.print(table(networks))
    for sentence in (*networks.notes.items(), *(("lost", text) for text in lost)):
        console.print(": ".join(sentence), soft_wrap=True)
    console.print(f"written: {options.target}", soft_wrap=True)
    if any(isinstance(networks.get(part), Generator) for part in ("g_ema", "g")):
        console.print(f"next: {following(options.target, 'd' in networks)}", soft_wrap=True)
    return 0


def following(source: Path, whole: bool) -> str:
    """The command that adapts a source, with a discriminator of its own or without."""
    from benchmarks.harness.config.complaints import quoted

    word = f"source={source}" if PLAIN.fullmatch(str(source)) else quoted("source", str(source))
    d = "" if whole else " source.discriminator=fresh"
    words = f"method=finetune {word}{d} data=folder data.root=PICTURES"
    return f"python -m benchmarks.run {words}"


def table(networks: Networks) -> Table:
    rows = Table(title=networks.origin, box=box.SIMPLE, title_justify="left")
    for column in ("network", "pixels", "channels", "mapping", "clamp", "parameters"):
        rows.add_column(column, justify="left" if column == "network" else "right")
    for name, network in networks.items():
        config = network.config
        channels = list(config.get("channels", {}).values())
        rows.add_row(
            name,
            str(config.get("img_resolution", "")),
            f"{channels[0]} to {channels[-1]}" if channels else "",
            str(config.get("mapping_layers", "")),
            str(config.get("conv_clamp") or "no"),
            f"{sum(p.numel() for p in network.parameters()):,}",
        )
    return rows


if __name__ == "__main__":
    main()
