"""Drawings and photographs of the same people: translations can be compared with the artist's own.
The held-out people are fixed, by the list ``SET-test`` or by a rule; nobody of them is ever a shot.
Their drawings are in the reference, since nothing was trained on them.
"""

from pathlib import Path, PurePosixPath
from typing import Any

from benchmarks.harness.data.domains.base import Pictures
from benchmarks.harness.data.domains.folder import FolderDomain, local_path
from benchmarks.harness.data.domains.reader import first_names
from benchmarks.harness.data.domains.splits import find_list, order, set_checksum
from benchmarks.harness.data.files import File, files
from core.errors import UserError

TEST = "test: "  # salt of the order in which people are held out where no list names them


class PairsDomain(FolderDomain):
    """Pictures with a photograph of the same name for each.
    The root holds both, as folders or zips that ``pictures`` and ``photographs`` name. Of the other
    options, those of `FolderDomain`, ``photos`` is how many people are held out where no list names
    them, and at most of how many photographs are read.
    """

    def __init__(self, *, root: str, pictures: str, photographs: str, **folder: Any) -> None:
        if str(folder["photos_root"]):
            raise UserError("data.photos_root must be empty: the photographs lie in data.root.")
        self.photographs = subset_path(root, photographs) if str(root) else Path()
        super().__init__(root=str(subset_path(root, pictures)) if str(root) else "", **folder)

    def candidates(self, available: dict[str, File]) -> list[str]:
        photographs = {stem(file): file for file in files(self.photographs)}
        alone = [file.name for file in available.values() if stem(file) not in photographs]
        if alone:
            self.notes.append(f"{first_names(alone)}: there is no photograph of the same name.")
        paired = [sha256 for sha256, file in available.items() if stem(file) in photographs]
        people = held_out(self.splits, self.root, paired, self.limits["photos"])
        test = people[: self.limits["photos"]]
        self._read_pairs([(available[h], photographs[stem(available[h])]) for h in test])
        return [sha256 for sha256 in available if sha256 not in set(people)]

    def translations(self) -> Pictures:
        return self._shown(self._translations)

    def _read_pairs(self, pairs: list[tuple[File, File]]) -> None:
        drawings, photographs = self._reader(self.root), self._reader(self.photographs)
        read = [(drawings.picture(one), photographs.picture(other)) for one, other in pairs]
        whole = [(one, other) for one, other in read if one is not None and other is not None]
        self._translations = drawings.stack(drawing for drawing, _ in whole)
        self._photos = photographs.stack(photo for _, photo in whole)
        self.facts["photos_sha256"] = set_checksum(photo.sha256 for _, photo in pairs)
        self._digest("photos", self.photographs, self._photos, self._translations)
        self.notes.append(f"{len(whole)} people held out, with a photograph of each.")
        self.notes += [*drawings.notes(), *photographs.notes()]


def held_out(splits: str, root: Path, paired: list[str], most: int) -> list[str]:
    """Checksums of the drawings of the held-out people: as listed, or else `most` by the rule."""
    return list(find_list(splits, "test", root, paired).hashes) or order(paired, TEST)[:most]


def subset_path(root: str, name: str) -> Path:
    """A folder of that name in the root, or else the zip."""
    place = local_path(root) / name
    return place if place.is_dir() else place.with_name(f"{name}.zip")


def stem(file: File) -> str:
    """The name without its ending, by which two pictures are a pair."""
    return str(PurePosixPath(file.name).with_suffix(""))
