"""A set of pictures on its way from what a person obtained to what a run reads."""

import re
from dataclasses import replace
from pathlib import Path

from benchmarks.harness.config.build import build
from benchmarks.harness.config.files import Config
from benchmarks.harness.data.domains import pairs, splits
from benchmarks.harness.data.domains.base import power_of_two
from benchmarks.harness.data.domains.folder import About, local_path
from benchmarks.harness.data.files import files, notes
from benchmarks.harness.data.pictures import WHOLE, Sampling, decode
from benchmarks.harness.data.preparation import archive as archives
from benchmarks.harness.data.preparation import report as findings
from benchmarks.harness.data.preparation import shot_lists
from benchmarks.harness.data.preparation.survey import Survey
from benchmarks.harness.io.locks import alone
from core import hashing, output
from core.errors import UserError
from core.progress import bar

MD5 = re.compile(rb"(?<![0-9a-fA-F])[0-9a-f]{32}(?![0-9a-fA-F])")  # and no part of a sha256
OTHERS, HELD_OUT = "-reference", "-held-out"  # what the names of the further zips end in
UNKNOWN = ("_target_", "about", "resolution", "images", "batch_size", "seed")
"""Of a set's options: those that other groups of a run fill, and what is built here."""


class Preparation:
    """One set, converted and reported on by `run`."""

    def __init__(self, cfg: Config) -> None:
        self.about: About = build(cfg.data.about)
        if not cfg.source:
            raise UserError(f"source must be given: source=PATH. {self.about.obtain}".strip())
        self.source, self.out = local_path(cfg.source), local_path(cfg.out)
        self.resolution = power_of_two("resolution", cfg.resolution)
        self.data = {str(key): cfg.data[key] for key in cfg.data if key not in UNKNOWN}
        place = self.source
        self.name = self.data["splits"] or (place.name if place.is_dir() else place.stem)
        self.stem = f"{self.name}{self.resolution}"
        self.paired = "photographs" in self.data
        self.held_out, self.md5 = cfg.held_out, str(cfg.md5)
        if self.held_out and self.paired:
            raise UserError("held_out must be 0: a set of pairs has its own held-out people.")
        self.converted: set[Path] = set()
        self.lists = shot_lists.ShotLists({}, [], [])
        self.too_few = ""
        self.lines = findings.heading(self.about, self.name)

    def run(self) -> list[str]:
        """What `look_and_convert` says, unless another process makes the same files: `Busy`."""
        with alone(self.out / f".{self.stem}", "prepared"):
            return self.look_and_convert()

    def look_and_convert(self) -> list[str]:
        """Look, convert, write the report; the lines of it that are worth a terminal.
        It ends in a `UserError` where there are files that cannot be read, so that nothing was
        converted, lists of shots that fit only in part, or too few pictures to hold out.
        """
        surveys = {zipped: self.convert(root, zipped) for zipped, root in self.parts().items()}
        main, *others = surveys
        self.lines += findings.md5_comparison(surveys[main], *self.published())
        self.lines += self.shots(main, surveys[main], *(surveys[other] for other in others))
        self.lines += self.reserved(surveys[main], main)
        report = self.out / f"{self.stem}.md"
        lines = [splits.printable(line) for line in self.lines]
        output.write(report, ("\n".join(lines).rstrip() + "\n").encode())
        broken = sum(len(survey.broken) for survey in surveys.values())
        if broken and not self.data["skip_broken"]:
            raise UserError(
                f"{broken} of the files cannot be read, so nothing was converted; {report} names "
                "them, and data.skip_broken=true goes on without them."
            )
        if self.lists.misfits:
            raise UserError(
                f"The set was converted, but {len(self.lists.misfits)} of its lists of shots fit "
                f"only in part, and a run refuses those: {report} names them and how to go on."
            )
        if self.too_few:
            raise UserError(f"The set was converted, but {self.too_few}")
        worth = [line for line in lines if line.startswith(("#", "- ", "**"))]
        return [*worth, f"report: {report}"]

    def parts(self) -> dict[Path, Path]:
        """Every zip to be made and of what; first that with the shots."""
        if self.paired:
            names = self.data["pictures"], self.data["photographs"]
            folder = self.out / self.stem
            return {folder / f"{n}.zip": pairs.subset_path(str(self.source), n) for n in names}
        parts = {self.out / f"{self.stem}.zip": self.source}
        if self.data["reference_root"]:
            parts[self.out / f"{self.stem}{OTHERS}.zip"] = local_path(self.data["reference_root"])
        return parts

    def convert(self, root: Path, path: Path) -> Survey:
        """Look at all pictures of a part, and write those that differ into a zip."""
        framing = self.data["framing"]
        box = WHOLE.box if notes(root) else tuple(self.data["box"])  # what was prepared is cut
        sampling = Sampling(box, self.data["filter"])
        how = {"resolution": self.resolution, "framing": framing, "box": list(box)}
        how |= {"filter": sampling.filter}
        survey, seen, members = Survey(), set(), files(root)
        with (
            archives.writing(path, how) as archive,
            bar("looking", len(members), "pictures") as shown,
        ):
            for done, file in enumerate(members, 1):
                looked = survey.look(file, self.resolution, framing, sampling)
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
            self.lines += [
                f"- converted: {path}, {len(archive.files):,} pictures of {self.resolution} px, "
                f"{path.stat().st_size:,} bytes, sha256 {hashing.of_file(path)}",
                f"- resized by {sampling.filter} (Pillow, antialiased), framing {framing}, "
                f"box {list(box)}",
                f"- checksum of the list of files: {splits.set_checksum(survey.by_checksum)}",
                "",
            ]
        return survey

    def shots(self, main: Path, survey: Survey, *others: Survey) -> list[str]:
        """Lines about the lists of shots, and about shots that are in the reference."""
        candidates = survey.distinct(survey.by_checksum)  # what the zip holds
        if self.paired and others:
            candidates, others = self.drawable(main, survey, others[0]), ()
        written = main in self.converted
        self.lists = lists = shot_lists.find_or_draw(
            self.data["splits"], main, survey, candidates, write=written
        )
        own = "the reference is a set of its own" if others else self.reference(survey)
        leaking = shot_lists.leaks(lists, survey, *(others or [survey]))
        return [
            "## Shots",
            "",
            *(f"- {sentence}" for sentence in (*lists.messages, *lists.misfits, own)),
            "",
            *findings.listing("shots that are in the reference or nearly", leaking),
        ]

    def reserved(self, survey: Survey, main: Path) -> list[str]:
        """Write the pictures that are held out of draw 0; a line about them."""
        if not self.held_out or main not in self.converted:
            return []
        kept = {file.sha256: file for file in files(main)}
        order = splits.draw_order(kept, 0)
        listed = {sha256 for hashes in self.lists.shots.values() for sha256 in hashes}
        doubled = {name for first, second, _ in survey.nearly_same for name in (first, second)}
        free = [h for h in order if h not in listed and kept[h].name not in doubled]
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

    def reference(self, survey: Survey) -> str:
        """What the set's own pictures give to compare with, beside the shots."""
        most = max(map(len, self.lists.shots.values()), default=0)
        left = len(survey.distinct(survey.by_checksum)) - most
        least = self.data["reference_minimum"]
        if self.paired or left >= least:
            return "the reference is the set less the shots"
        return (
            f"there is no reference: beside {most} shots {max(left, 0)} pictures are left, and one "
            f"needs {least}; data.reference_root=PATH names a set of its own"
        )

    def drawable(self, main: Path, survey: Survey, photographs: Survey) -> list[str]:
        """Checksums of the drawings of those who are not held out."""
        stems = {pairs.stem(file) for file in photographs.by_checksum.values()}
        drawings = survey.by_checksum
        paired = [sha256 for sha256, file in drawings.items() if pairs.stem(file) in stems]
        people = pairs.held_out(self.data["splits"], main, paired, self.data["photos"])
        alone = sorted(f.name for f in drawings.values() if pairs.stem(f) not in stems)
        self.lines += findings.listing("pictures without a photograph of the same name", alone)
        self.lines.append(f"- {len(paired)} pairs, {len(people)} of the people held out")
        return [sha256 for sha256 in drawings if sha256 not in set(people)]

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
