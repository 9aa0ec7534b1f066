"""Photographs in the style of a finished run: ``python -m benchmarks.stylize RUN photo.jpg ...``.

RUN is a folder of results/out, the name of a record or its beginning, or a file of weights. Photos
are files of any size, folders or zips. Each becomes a picture of its name in the folder --to.

Where a method keeps the style of every shot (dualstylegan), --style picks one, or that of any other
picture, which takes half a minute to find. --matrix shows several styles side by side.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness.config.cli import command
from core.errors import UserError

if TYPE_CHECKING:
    from benchmarks.harness.alignment.framing import Framing
    from benchmarks.harness.stylize.generator import StylisedGenerator
    from benchmarks.harness.stylize.pipeline import StylizePipeline

LARGEST = 8192  # pixels of a saved picture
WIDEST = 256  # pixels of a picture among others
STRENGTH = ("structure", "colour", "preserve")  # fields of `StyleStrength`
ALIGN = "auto, none, landmarks, mtcnn, dlib, mediapipe or face_alignment (default: auto)"
HONEST = """\
A square picture is taken as a face that is aligned already, as those of FFHQ are; in others MTCNN
looks for it (python -m benchmarks.fetch mtcnn-p mtcnn-r mtcnn-o). --align mtcnn looks in square
ones too, and should be said for faces that fill their picture. Of an aligned face the part is used
that the source's pictures show; --align none takes the central square as it is.

The source's encoder inverts a photo at one look. --refine 17, with which runs are measured, shows a
face that the source knows more exactly; of one that it does not know it makes styles that no face
has, whose colours run wild. --tune 60 leaves the styles and keeps both person and colours; it is
usual for runs of photo64. The shipped source parafaces64 knows only the rendered heads of
ParaFaces: a real person comes out as one of those heads at 64 px, and not as a likeness, for which
it takes a source that was trained on photographs.

Exit status: 0 if every photo went, 1 if some did not, 2 for a command that cannot be run."""


@command()
def main(words: list[str]) -> int:
    """Stylise photos; status 1 where some did not go."""
    options = parse(words)
    from benchmarks.harness.alignment.framing import framing, within
    from benchmarks.harness.data.inputs import Places, listed
    from benchmarks.harness.io.locks import writable
    from benchmarks.harness.stylize.find_run import find_run
    from benchmarks.harness.stylize.generator import load_generator, tuned, usually_tuned
    from benchmarks.harness.stylize.pipeline import announce
    from core.source import WHOLE

    frame = framing(options.align, options.landmarks)
    run = find_run(options.run, options.folder, whole=options.swap is not None)
    how = {"refine": options.refine, "swap": options.swap, "seed": options.seed}
    generator = load_generator(run, options.source, **how)
    if options.tune:
        generator = tuned(generator, options.tune)
    elif options.tune is None and not options.refine and not options.matrix:
        generator = usually_tuned(generator)
    if options.align != "none" and generator.source.box != WHOLE:
        frame = within(frame, generator.source.box)
    for sentence in generator.notes:
        announce(sentence)
    photos, unreadable = listed(options.photos)
    pipeline = pipeline_of(options, generator, frame)
    writable(options.to)
    for sentence in unreadable:
        pipeline.fail(sentence)
    pipeline.run(list(photos.values()), Places(options.to, set(photos)))
    summary = f"{pipeline.made} stylised by {generator.name}, {pipeline.failed} not"
    announce(f"{summary}; see {options.to}.")
    return 1 if pipeline.failed else 0


def pipeline_of(
    options: argparse.Namespace, generator: StylisedGenerator, frame: Framing
) -> StylizePipeline:
    from benchmarks.harness.stylize import exemplars as styles
    from benchmarks.harness.stylize.pipeline import StyleMatrix, StylizePipeline, announce

    changes = {part: float(getattr(options, part)) for part in STRENGTH if hasattr(options, part)}
    names, size = options.style, options.size
    if options.matrix and not names:
        count = len(styles.exemplar_adapter(generator).styles)
        names = [str(k) for k in range(min(styles.STYLES, count))]
    named = []
    if names or changes:
        named = styles.named_styles(names, generator, frame, options.seed, announce)
    if options.matrix:
        tile = size or max(styles.TILE, min(WIDEST, generator.resolution))
        return StyleMatrix(generator, frame, tile, named, changes)
    if names or changes:
        generator = styles.with_style(generator, named, changes)
    return StylizePipeline(generator, frame, size or generator.resolution, strips=options.strip)


def parse(words: list[str]) -> argparse.Namespace:
    """The options, with numbers that can be meant; argparse itself leaves with status 2."""
    options = parser().parse_args(words)
    ranges = {"size": (1, WIDEST if options.matrix else LARGEST), "refine": (0, 10_000)}
    ranges["tune"] = 0, 10_000
    ranges |= dict.fromkeys(STRENGTH, (0, 1)) | {"seed": (0, 2**32 - 1)}  # numpy's
    for name, (lowest, highest) in ranges.items():
        value = getattr(options, name, None)
        if value is not None and not lowest <= value <= highest:
            raise UserError(f"--{name} {value:.10g} is not from {lowest} to {highest}.")
    if options.swap is not None and options.swap < 4:
        swap = f"--swap {options.swap}"
        raise UserError(f"{swap} is no resolution of a generator, which begins at 4.")
    if options.matrix and options.tune:
        raise UserError(
            "--matrix shows all photos by one generator, and --tune makes one for each."
        )
    if options.matrix and options.strip:
        raise UserError("--matrix makes no single pictures that --strip could show.")
    if options.landmarks:
        if options.align not in ("auto", "landmarks"):
            raise UserError(f"--landmarks FILE and --align {options.align} contradict each other.")
        options.align = "landmarks"
    return options


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.stylize",
        description=__doc__,
        epilog=HONEST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, styles = options.add_argument, "styles, where the method keeps those of its shots"
    add("run", metavar="RUN", help="run folder, name of a record, or weights (.safetensors)")
    add("photos", metavar="PHOTO", nargs="+", help="picture files, folders or zips")
    add("--to", type=Path, default=Path("stylised"), metavar="DIR", help="default: stylised")
    add("--strip", action="store_true", help="also photo, inversion and result side by side")
    add("--size", type=int, metavar="N", help="save N x N px (Lanczos; default: the generator's)")
    add_styles(options.add_argument_group(styles))
    add("--align", default="auto", metavar="WAY", help=ALIGN)
    add("--landmarks", metavar="FILE", default="", help="JSON of landmarks, for --align landmarks")
    add("--refine", type=int, default=0, metavar="STEPS", help="improve the encoder's styles")
    tune = "train the source to show each photo (of photo64 default: 60, without --refine)"
    add("--tune", type=int, metavar="STEPS", help=tune)
    add("--swap", type=int, metavar="PIXELS", help="the source's layers up to this resolution")
    known = "parafaces64"
    add("--source", default=known, help=f"of weights without a record (default: {known})")
    add("--seed", type=int, default=0, help="where inversion begins at random samples (default: 0)")
    add("--folder", type=Path, default=Path("results"), help="where runs are (default: results)")
    return options


def add_styles(group: argparse._ArgumentGroup) -> None:
    """The options of styles; a weight that is not given is the method's own."""
    add = group.add_argument
    unless: dict[str, Any] = {"default": argparse.SUPPRESS}
    add(
        "--style",
        action="append",
        default=[],
        metavar="STYLE",
        help="a shot's number (from 0), a picture file, or random (by --seed); named more than "
        "once, they are mixed in equal parts (default: the mean of all shots)",
    )
    add("--structure", type=float, metavar="W", help="weight of its shapes, 0 to 1", **unless)
    add("--colour", "--color", type=float, metavar="W", help="of its colours, 0 to 1", **unless)
    add(
        *("--preserve-colour", "--preserve-color"),
        dest="preserve",
        action=argparse.BooleanOptionalAction,
        help="keep the photo's whole palette, or nothing of it",
        **unless,
    )
    add(
        "--matrix",
        action="store_true",
        help="instead: matrix.png, of all photos in each --style (default: in those of the first "
        "shots), and strengths.png, of the first of them at structure weights 0 to 1",
    )


if __name__ == "__main__":
    main()
