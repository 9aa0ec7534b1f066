"""Checkpoints of other implementations to ours and back: ``python -m benchmarks.convert IN OUT``.

IN is rosinality's or DualStyleGAN's ``.pt``, NVIDIA's ``.pkl`` or our ``.safetensors``, recognised
by its content; OUT ends in ``.safetensors`` (ours) or ``.pt`` (theirs). Nothing in IN is ever
executed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from core.convert import Networks, load, save
from core.errors import UserError


def table(networks: Networks) -> Table:
    """What was found in a file."""
    shown = Table(title=networks.origin, box=box.SIMPLE, title_justify="left")
    for column in ("network", "pixels", "channels", "mapping", "clamp", "parameters"):
        shown.add_column(column, justify="left" if column == "network" else "right")
    for name, network in networks.items():
        config = network.config
        widths = list(config.get("channels", {}).values())
        shown.add_row(
            name,
            str(config.get("img_resolution", "")),
            f"{widths[0]} to {widths[-1]}" if widths else "",
            str(config.get("mapping_layers", "")),
            str(config.get("conv_clamp") or "no"),
            f"{sum(p.numel() for p in network.parameters()):,}",
        )
    return shown


def main() -> None:
    """Convert; whatever is wrong with a file is one sentence."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convert", description=__doc__)
    parser.add_argument("source", metavar="IN", type=Path)
    parser.add_argument("target", metavar="OUT", type=Path)
    options = parser.parse_args()
    console = Console()
    try:
        if options.target.exists() and options.target.samefile(options.source):
            raise UserError(f"{options.target} would overwrite the file that is read.")
        networks = load(options.source)
        lost = save(options.target, networks)
    except UserError as error:
        print(f"styleshift: {error}", file=sys.stderr)
        sys.exit(2)
    console.print(table(networks))
    for sentence in (*networks.notes.items(), *(("lost", text) for text in lost)):
        console.print(": ".join(sentence), highlight=False, soft_wrap=True)
    console.print(f"written: {options.target}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
