"""Photographs in the style of a finished run: ``python -m benchmarks.stylize RUN photo.jpg ...``.

RUN is a folder of results/out, the name of a record or its beginning, or a file of weights. Photos
are files of any size, folders or zips. Each becomes a picture of its name in the folder --to.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from rich.console import Console
from torch import Tensor

from benchmarks import settings
from benchmarks.alignment import DETECTORS
from benchmarks.disk import writable
from benchmarks.pictures import File, as_images
from benchmarks.run import cause
from benchmarks.settings import printable
from benchmarks.sheet import save, stack, to_uint8
from benchmarks.stylizing.framing import SHOWN, Framing, Photo, framing, photo
from benchmarks.stylizing.places import Places, listed, strip_of
from benchmarks.stylizing.runs import Run, found
from benchmarks.stylizing.stylist import Stylist, stylist
from benchmarks.tiles import loose
from core.errors import UserError

BATCH = 16  # photos inverted side by side
LARGEST = 8192  # pixels of a saved picture
HONEST = """\
A square picture is taken as a face that is aligned already; in others MTCNN looks for it
(python -m benchmarks.fetch mtcnn-p mtcnn-r mtcnn-o). --align mtcnn looks in square ones too, and
should be said for faces that fill their picture.

The source's encoder inverts a photo at one look. --refine 17, with which runs are measured, shows a
face that the source knows more exactly; of one that it does not know it makes styles that no face
has, whose colours run wild. The shipped source parafaces64 knows only the rendered heads of
ParaFaces: a real person comes out as one of those heads at 64 px, and not as a likeness, for which
it takes a source that was trained on photographs.

Exit status: 0 if every photo went, 1 if some did not, 2 for a command that cannot be run."""

console = Console(markup=False)  # file names may look like markup


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


def checked(words: list[str]) -> argparse.Namespace:
    """The options, with numbers that can be meant; argparse itself leaves with status 2."""
    asked = parser().parse_args(words)
    if asked.size is not None and not 1 <= asked.size <= LARGEST:
        raise UserError(f"--size {asked.size} is not from 1 to {LARGEST}.")
    if not 0 <= asked.refine <= 10_000:
        raise UserError(f"--refine {asked.refine} is not from 0 to 10000.")
    if asked.swap is not None and asked.swap < 4:
        raise UserError(f"--swap {asked.swap} is no resolution of a generator, which begins at 4.")
    if not 0 <= asked.seed < 2**32:
        raise UserError(f"--seed {asked.seed} is not from 0 to {2**32 - 1}.")
    if asked.landmarks:
        if asked.align not in ("auto", "landmarks"):
            raise UserError(f"--landmarks FILE and --align {asked.align} contradict each other.")
        asked.align = "landmarks"
    return asked


class Studio:
    """Stylises photos one batch after the other, and says what became of each.

    Args:
        artist: the run.
        framed: how photos are framed.
        size: of the pictures that are saved.
        strips: whether a strip is saved with each.
    """

    def __init__(self, artist: Stylist, framed: Framing, size: int, *, strips: bool) -> None:
        self.artist, self.framed, self.size, self.strips = artist, framed, size, strips
        self.made, self.failed = 0, 0

    def fail(self, sentence: str) -> None:
        """One photo that did not go."""
        self.failed += 1
        print(f"styleshift: {printable(sentence)}", file=sys.stderr, flush=True)

    def run(self, photos: list[tuple[File, str]], places: Places) -> None:
        """All photos; what is wrong with one does not keep the others."""
        ready = self.ready(photos, places)
        while batch := list(islice(ready, BATCH)):
            pixels = as_images(np.stack([seen.pixels for seen, _ in batch]))
            shown = self.artist(pixels)
            for index, (seen, path) in enumerate(batch):
                one = slice(index, index + 1)
                self.save(seen, path, shown.inversions[one], shown.results[one])

    def ready(self, photos: list[tuple[File, str]], places: Places) -> Iterator[tuple[Photo, Path]]:
        """Those that can be read and have a face, and where their results go."""
        for file, name in photos:
            try:
                seen = photo(file, self.framed, self.artist.resolution)
            except UserError as fault:
                self.fail(str(fault))
            else:
                yield seen, places.of(name)

    def save(self, seen: Photo, path: Path, inversion: Tensor, result: Tensor) -> None:
        """One photo's files; pictures [1, 3, R, R]."""
        if not result.isfinite().all():
            self.fail(f"{seen.file}: its picture is not finite.")
            return
        picture = sized(to_uint8(result)[0], self.size)
        try:
            if self.strips:
                parts = [seen.shown, to_uint8(inversion)[0], np.asarray(picture)]
                save(strip_of(path), strip(parts, self.artist.name))
            save(path, picture)
        except UserError as fault:
            self.fail(str(fault))
            return
        self.made += 1
        notes = f" ({'; '.join(seen.notes)})" if seen.notes else ""
        line = printable(f"{seen.file} -> {path}{notes}")
        console.print(line, highlight=False, soft_wrap=True)


def sized(pixels: np.ndarray, side: int) -> Image.Image:
    """A picture uint8 [R, R, 3] of ``side`` pixels."""
    picture = Image.fromarray(pixels)
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def strip(parts: list[np.ndarray], name: str) -> Image.Image:
    """Photo, inversion and result side by side, uint8 [., ., 3] each, under the run's name."""
    tile = max(SHOWN, *(len(part) for part in parts[1:]))
    row = [np.asarray(sized(part, tile)) for part in parts]
    return stack([(f"photo, its inversion, {name}", [np.stack(row)])], tile)


def configuration(run: Run, source: str) -> DictConfig:
    """What a run was configured by; without a record, what is usual with a source.

    Raises:
        UserError: there is no source of that name.
    """
    if run.record:
        return OmegaConf.create(loose(run.record["config"]))
    known = settings.choices_of("source")
    if source not in known:
        raise UserError(f"There is no source {source!r}; the choices are {', '.join(known)}.")
    with initialize_config_dir(str(settings.CONF), version_base="1.3"):
        return compose("config", [f"source={source}"])


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
    photos, wrong = listed(asked.photos)
    writable(asked.to)
    studio = Studio(artist, framed, asked.size or artist.resolution, strips=asked.strip)
    for sentence in artist.notes:
        console.print(printable(sentence), highlight=False)
    for sentence in wrong:
        studio.fail(sentence)
    studio.run(list(photos.values()), Places(asked.to, set(photos)))
    went = f"{studio.made} stylised by {artist.name}, {studio.failed} not"
    console.print(f"{went}; see {asked.to}.", highlight=False, soft_wrap=True)
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
