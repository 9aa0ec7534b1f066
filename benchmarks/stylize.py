"""Photographs in the style of a finished run: ``python -m benchmarks.stylize RUN photo.jpg ...``.

RUN is a folder of results/out, the name of a record or its beginning, or a file of weights. Photos
are files of any size, folders or zips. Each becomes a picture of its name in the folder --to.

Where a method keeps the style of every shot (dualstylegan), --style picks one, or that of any other
picture, which takes half a minute to find. --matrix shows several styles side by side.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf

from benchmarks.harness.alignment import DETECTORS
from benchmarks.harness.alignment.framing import Framing, Within, framing
from benchmarks.harness.config import targets, validation
from benchmarks.harness.config.cli import printable
from benchmarks.harness.config.complaints import cause
from benchmarks.harness.data.inputs import Places, listed
from benchmarks.harness.io.locks import writable
from benchmarks.harness.stylize.exemplars import exemplary, lent, wearing
from benchmarks.harness.stylize.find_run import Run, found
from benchmarks.harness.stylize.generator import Stylist, stylist
from benchmarks.harness.stylize.pipeline import Comparison, Studio, said
from benchmarks.harness.stylize.style_grid import STYLES, TILE
from benchmarks.tiles import loose
from core.errors import UserError
from core.networks.styles import StyleStrength
from core.paths import CONF
from core.source import WHOLE

LARGEST = 8192  # pixels of a saved picture
WIDEST = 256  # pixels of a picture among others
HONEST = """\
A square picture is taken as a face that is aligned already, as those of FFHQ are; in others MTCNN
looks for it (python -m benchmarks.fetch mtcnn-p mtcnn-r mtcnn-o). --align mtcnn looks in square
ones too, and should be said for faces that fill their picture. Of an aligned face the part is used
that the source's pictures show; --align none takes the central square as it is.

The source's encoder inverts a photo at one look. --refine 17, with which runs are measured, shows a
face that the source knows more exactly; of one that it does not know it makes styles that no face
has, whose colours run wild. The shipped source parafaces64 knows only the rendered heads of
ParaFaces: a real person comes out as one of those heads at 64 px, and not as a likeness, for which
it takes a source that was trained on photographs.

Exit status: 0 if every photo went, 1 if some did not, 2 for a command that cannot be run."""


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.stylize",
        description=__doc__,
        epilog=HONEST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("run", metavar="RUN", help="run folder, name of a record, or weights (.safetensors)")
    add("photos", metavar="PHOTO", nargs="+", help="picture files, folders or zips")
    add("--to", type=Path, default=Path("stylised"), metavar="DIR", help="default: stylised")
    add("--strip", action="store_true", help="also photo, inversion and result side by side")
    add("--size", type=int, metavar="N", help="save N x N px (Lanczos; default: the generator's)")
    styled(made.add_argument_group("styles, where the method keeps those of its shots"))
    choices = ("auto", "none", "landmarks", *DETECTORS)
    add("--align", choices=choices, default="auto", help="how faces are found (default: auto)")
    add("--landmarks", metavar="FILE", default="", help="JSON of landmarks, for --align landmarks")
    add("--refine", type=int, default=0, metavar="STEPS", help="improve the encoder's styles")
    add("--swap", type=int, metavar="PIXELS", help="the source's layers up to this resolution")
    add(
        "--source", default="parafaces64", help="of weights without a record (default: parafaces64)"
    )
    add("--seed", type=int, default=0, help="where inversion begins at random samples (default: 0)")
    add("--folder", type=Path, default=Path("results"), help="where runs are (default: results)")
    return made


def styled(group: argparse._ArgumentGroup) -> None:
    """The options of styles; a weight that is not given is the method's own."""
    add = group.add_argument
    unless: dict[str, Any] = {"default": argparse.SUPPRESS}
    add(
        "--style",
        action="append",
        default=[],
        metavar="STYLE",
        help="a shot's number (from 0), a picture file, or random (by --seed); said more than "
        "once, they are mixed in equal parts (default: the mean of all shots)",
    )
    add("--structure", type=float, metavar="W", help="weight of its shapes, 0 to 1", **unless)
    add("--colour", "--color", type=float, metavar="W", help="of its colours, 0 to 1", **unless)
    add(
        *("--preserve-colour", "--preserve-color"),
        dest="preserve",
        action=argparse.BooleanOptionalAction,
        help="keep the photo's palette, as is done where no style is named",
        **unless,
    )
    add(
        "--matrix",
        action="store_true",
        help="instead: matrix.png, of all photos in each --style (default: in the first "
        f"{STYLES} shots'), and strengths.png, of the first of them at structure weights 0 to 1",
    )


def dosed(asked: argparse.Namespace) -> dict[str, float]:
    """What is asked of the strength, by the names of its parts."""
    return {
        part: float(getattr(asked, part)) for part in StyleStrength._fields if hasattr(asked, part)
    }


def checked(words: list[str]) -> argparse.Namespace:
    """The options, with numbers that can be meant; argparse itself leaves with status 2."""
    asked = parser().parse_args(words)
    largest = WIDEST if asked.matrix else LARGEST
    if asked.size is not None and not 1 <= asked.size <= largest:
        raise UserError(f"--size {asked.size} is not from 1 to {largest}.")
    if not 0 <= asked.refine <= 10_000:
        raise UserError(f"--refine {asked.refine} is not from 0 to 10000.")
    if asked.swap is not None and asked.swap < 4:
        raise UserError(f"--swap {asked.swap} is no resolution of a generator, which begins at 4.")
    for part, weight in dosed(asked).items():
        if not 0 <= weight <= 1:
            raise UserError(f"--{part} {weight:g} is not from 0 to 1.")
    if asked.matrix and asked.strip:
        raise UserError("--matrix makes no single pictures that --strip could show.")
    if not 0 <= asked.seed < 2**32:
        raise UserError(f"--seed {asked.seed} is not from 0 to {2**32 - 1}.")
    if asked.landmarks:
        if asked.align not in ("auto", "landmarks"):
            raise UserError(f"--landmarks FILE and --align {asked.align} contradict each other.")
        asked.align = "landmarks"
    return asked


def configuration(run: Run, source: str) -> DictConfig:
    """What a run was configured by; without a record, what is usual with a source.

    Raises:
        UserError: there is no source of that name.
    """
    if run.record:
        return OmegaConf.create(targets.addressed(loose(run.record["config"])))
    known = validation.choices_of("source")
    if source not in known:
        raise UserError(f"There is no source {source!r}; the choices are {', '.join(known)}.")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", [f"source={source}"])


def studio_of(asked: argparse.Namespace, artist: Stylist, framed: Framing) -> Studio:
    """What shows the photos as they are wanted."""
    changes, words = dosed(asked), asked.style
    if asked.matrix:
        words = words or [str(k) for k in range(min(STYLES, len(exemplary(artist).styles)))]
        tile = asked.size or max(TILE, min(WIDEST, artist.resolution))
        columns = lent(words, artist, framed, asked.seed, said)
        return Comparison(artist, framed, tile, columns, changes)
    if words or changes:
        artist = wearing(artist, lent(words, artist, framed, asked.seed, said), changes)
    return Studio(artist, framed, asked.size or artist.resolution, strips=asked.strip)


def command(words: list[str]) -> int:
    """One call; the exit status."""
    asked = checked(words)
    framed = framing(asked.align, asked.landmarks)
    swap = () if asked.swap is None else (asked.swap,)
    run = found(asked.run, asked.folder, whole=bool(swap))
    cfg = configuration(run, asked.source)
    try:
        artist = stylist(run, cfg, refine=asked.refine, swap=swap, seed=asked.seed)
    except InstantiationException as error:
        first = cause(error)
        if isinstance(first, UserError):
            raise first from error
        raise UserError(f"{run.name} cannot be built by this version: {first}.") from error
    if asked.align != "none" and artist.source.box != WHOLE:
        framed = Within(framed, artist.source.box)
    for sentence in artist.notes:
        said(sentence)
    photos, wrong = listed(asked.photos)
    studio = studio_of(asked, artist, framed)
    writable(asked.to)
    for sentence in wrong:
        studio.fail(sentence)
    studio.run(list(photos.values()), Places(asked.to, set(photos)))
    said(f"{studio.made} stylised by {artist.name}, {studio.failed} not; see {asked.to}.")
    return 1 if studio.failed else 0


def main() -> None:
    """The command line; what the user can mend is said in one sentence."""
    try:
        sys.exit(command(sys.argv[1:]))
    except KeyboardInterrupt:
        print("styleshift: stopped; what was made so far is whole.", file=sys.stderr)
        sys.exit(130)
    except UserError as error:
        print(f"styleshift: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
