"""A set of pictures on its way from what a person obtained to what a run reads."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.harness.config.build import build
from benchmarks.harness.config.files import Config
from benchmarks.harness.data.domains import pairs, splits
from benchmarks.harness.data.domains.about import About
from benchmarks.harness.data.domains.base import power_of_two, whole
from benchmarks.harness.data.domains.folder import local_path
from benchmarks.harness.data.files import files, notes
from benchmarks.harness.data.pictures import FRAMINGS, WHOLE, Sampling, decode
from benchmarks.harness.data.preparation import archive as archives
from benchmarks.harness.data.preparation import report as findings
from benchmarks.harness.data.preparation import shot_lists
from benchmarks.harness.data.preparation.archive import Archive, put
from benchmarks.harness.data.preparation.shot_lists import ShotLists
from benchmarks.harness.data.preparation.survey import Survey
from core import hashing
from core.errors import UserError
from core.progress import bar

MD5 = re.compile(rb"(?<![0-9a-fA-F])[0-9a-f]{32}(?![0-9a-fA-F])")
OTHERS = "-reference"
HELD_OUT = "-held-out"
UNKNOWN = ("_target_", "about", "resolution", "images", "batch_size", "seed")
"""Of a set's options: those that other groups of a run fill, and what is built here."""


class Preparation:
    """One set on its way from what a person obtained to what a run reads."""

    def __init__(self, cfg: Config) -> None:
        self.about: About = build(cfg.data.about)
        if not cfg.source:
            raise UserError(f"source must be given: source=PATH. {self.about.obtain}".strip())
        self.source, self.out = local_path(cfg.source), local_path(cfg.out)
        self.resolution = power_of_two("resolution", cfg.resolution)
        self.data = counting_options(cfg.data)
        if self.data["framing"] not in FRAMINGS:
            raise UserError(f"data.framing={cfg.data.framing} must be {' or '.join(FRAMINGS)}.")
        place = self.source
        self.name = self.data["splits"] or (place.name if place.is_dir() else place.stem)
        self.stem = f"{self.name}{self.resolution}"
        self.held_out = whole("held_out", cfg.held_out, least=0)
        if self.held_out and "photographs" in self.data:
            raise UserError("held_out must be 0: a set of pairs has its own held-out people.")
        self.md5 = str(cfg.md5)
        self.converted: set[Path] = set()
        self.misfits = 0
        self.listed: set[str] = set()
        self.too_few = ""
        self.lines = findings.heading(self.about, self.name)

    def run(self) -> list[str]:
        """Look, convert, write the report; the lines of it that are worth a terminal.

        Raises:
            UserError: there are files that cannot be read, and nothing was converted; or lists of
                shots of which some files are there and others are not; or too few to hold out.
        """
        parts = self.parts()
        surveys = {zipped: self.convert(root, zipped) for zipped, root in parts.items()}
        main = next(iter(parts))
        self.lines += findings.md5_comparison(surveys[main], *self.published())
        self.lines += self.shots(surveys, main)
        self.lines += self.reserved(surveys[main], main)
        broken = sum(len(survey.broken) for survey in surveys.values())
        report = self.out / f"{self.stem}.md"
        lines = [splits.printable(line) for line in self.lines]
        put(report, "\n".join(lines).rstrip() + "\n")
        if broken and not self.data["skip_broken"]:
            raise UserError(
                f"{broken} of the files cannot be read, so nothing was converted; {report} names "
                "them, and data.skip_broken=true goes on without them."
            )
        if self.misfits:
            raise UserError(
                f"The set was converted, but {self.misfits} of its lists of shots fit only in "
                f"part, and a run refuses those: {report} names them and how to go on."
            )
        if self.too_few:
            raise UserError(f"The set was converted, but {self.too_few}")
        return [line for line in lines if line.startswith(("#", "- ", "**"))] + [
            f"report: {report}"
        ]

    def parts(self) -> dict[Path, Path]:
        """Every zip to be made and of what; first that with the shots."""
        if "photographs" in self.data:
            names = self.data["pictures"], self.data["photographs"]
            folder = self.out / self.stem
            return {folder / f"{n}.zip": pairs.subset_path(str(self.source), n) for n in names}
        found = {self.out / f"{self.stem}.zip": self.source}
        if self.data["reference_root"]:
            found[self.out / f"{self.stem}{OTHERS}.zip"] = local_path(self.data["reference_root"])
        return found

    def convert(self, root: Path, path: Path) -> Survey:
        """Look at all pictures of a part, and write those that differ into a zip."""
        box = () if notes(root) else self.data["box"]
        sampling = Sampling(tuple(box) or WHOLE.box, self.data["filter"])
        how = {
            "resolution": self.resolution,
            "framing": self.data["framing"],
            "box": list(sampling.box),
            "filter": sampling.filter,
        }
        survey, seen = Survey(), set()
        members = files(root)
        with (
            archives.writing(path, how) as archive,
            bar("looking", len(members), "pictures") as shown,
        ):
            for done, file in enumerate(members, 1):
                looked = survey.look(file, self.resolution, self.data["framing"], sampling)
                if looked and looked[0].pixels not in seen:
                    row, picture = looked
                    seen.add(row.pixels)
                    archive.add(picture.pixels, row.sha256, row.file.name)
                shown.update(done)
            if not seen or (survey.broken and not self.data["skip_broken"]):
                archive.discard()
        foreign = path.stem.endswith(OTHERS)
        about = replace(self.about, pictures=0, side=0) if foreign else self.about
        self.lines += findings.contents(path.stem, survey, about, self.resolution)
        self.lines += findings.faults(survey)
        if not archive.discarded:
            self.converted.add(path)
            self.lines += conversion_lines(path, archive, how, survey)
        return survey

    def shots(self, surveys: dict[Path, Survey], main: Path) -> list[str]:
        """Lines about the lists of shots, and about shots that are in the reference."""
        survey = surveys[main]
        others = [other for path, other in surveys.items() if path != main]
        candidates = survey.distinct(survey.by_checksum)  # what the zip holds
        if "photographs" in self.data and others:
            candidates = self.drawable(main, survey, others[0])
            others = []
        lists = shot_lists.find_or_draw(
            self.data["splits"], main, survey, candidates, write=main in self.converted
        )
        own = not others
        self.misfits = len(lists.misfits)
        self.listed = {sha256 for hashes in lists.shots.values() for sha256 in hashes}
        leaking = shot_lists.leaks(lists, survey, survey if own else others[0], own)
        return [
            "## Shots",
            "",
            *(f"- {sentence}" for sentence in (*lists.messages, *lists.misfits)),
            f"- {self.reference(survey, lists) if own else 'the reference is a set of its own'}",
            "",
            *findings.listing("shots that are in the reference or nearly", leaking),
        ]

    def reserved(self, survey: Survey, main: Path) -> list[str]:
        """Write the pictures that are held out of draw 0; a line about them."""
        if not self.held_out or main not in self.converted:
            return []
        kept = {file.sha256: file for file in files(main)}
        order = splits.draw_order(kept, 0)
        doubled = {name for first, second, _ in survey.nearly_same for name in (first, second)}
        free = [h for h in order if h not in self.listed and kept[h].name not in doubled]
        if len(free) < self.held_out:
            self.too_few = (
                f"held_out={self.held_out} is more than the {len(free)} pictures that no list of "
                "shots names and no other one resembles."
            )
            return [f"- {self.too_few}", ""]
        path = main.with_name(f"{self.stem}{HELD_OUT}.zip")
        with archives.writing(path, notes(main)["prepared"]) as archive:
            for sha256 in free[-self.held_out :]:
                file = kept[sha256]
                pixels = decode(file.read(), str(file), self.resolution, "crop", WHOLE).pixels
                archive.add(pixels, sha256, file.name)
        most = order.index(free[-self.held_out])
        return [f"- held out: {path}, unseen by whoever trains on data.shots={most} or fewer", ""]

    def reference(self, survey: Survey, lists: ShotLists) -> str:
        """What the set's own pictures give to compare with, beside the shots."""
        most = max((len(hashes) for hashes in lists.shots.values()), default=0)
        left = len(survey.distinct(survey.by_checksum)) - most
        least = self.data["reference_minimum"]
        if "photographs" in self.data or left >= least:
            return "the reference is the set less the shots"
        return (
            f"there is no reference: beside {most} shots {max(left, 0)} pictures are left, and one "
            f"needs {least}; data.reference_root=PATH names a set of its own"
        )

    def drawable(self, main: Path, survey: Survey, photographs: Survey) -> list[str]:
        """Checksums of the drawings of those who are not held out."""
        stems = {pairs.stem(file) for file in photographs.by_checksum.values()}
        paired = [h for h, file in survey.by_checksum.items() if pairs.stem(file) in stems]
        people = pairs.held_out(self.data["splits"], main, paired, self.data["photos"])
        alone = sorted(f.name for f in survey.by_checksum.values() if pairs.stem(f) not in stems)
        self.lines += findings.listing("pictures without a photograph of the same name", alone)
        self.lines.append(f"- {len(paired)} pairs, {len(people)} of the people held out")
        return [sha256 for sha256 in survey.by_checksum if sha256 not in set(people)]

    def published(self) -> tuple[frozenset[str], str]:
        """The checksums of the published list, and what the list is called."""
        name = self.md5 or self.about.md5
        near = (self.source, self.source.parent, self.source.parent.parent)
        places = [local_path(self.md5)] if self.md5 else [folder / name for folder in near if name]
        for place in places:
            if place.is_file():
                return frozenset(m.decode() for m in MD5.findall(place.read_bytes())), name
        if self.md5:
            raise UserError(f"md5={self.md5} is no file.")
        return frozenset(), name


def counting_options(data: Config) -> dict[str, Any]:
    """A set's options that count here."""
    return {str(key): data[key] for key in data if key not in UNKNOWN}


def conversion_lines(
    path: Path, archive: Archive, how: dict[str, Any], survey: Survey
) -> list[str]:
    """Lines about a zip that was made."""
    side = how["resolution"]
    return [
        f"- converted: {path}, {len(archive.files):,} pictures of {side} px, "
        f"{path.stat().st_size:,} bytes, sha256 {hashing.of_file(path)}",
        f"- resized by {how['filter']} (Pillow, antialiased), framing {how['framing']}, "
        f"box {how['box']}",
        f"- checksum of the list of files: {splits.set_checksum(survey.by_checksum)}",
        "",
    ]
