"""What people should know of a set of pictures before they use it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class About:
    """A set of pictures: whose it is, what belongs to it, how it is had.

    Attributes:
        title: its name among people; empty for a folder of the user's own.
        licence: of the pictures, in words.
        redistributable: whether anybody may pass it on.
        place: where it is published.
        obtain: how a person gets it, a sentence.
        pictures: how many there are, or 0 where nobody knows.
        side: of its pictures in pixels, or 0 where they differ.
        md5: name of the published list of checksums, or empty.
    """

    title: str
    licence: str
    redistributable: bool
    place: str
    obtain: str
    pictures: int
    side: int
    md5: str

    def how_to_obtain(self) -> str:
        """What is missing, where nobody said where the set lies."""
        if not self.title:
            return "data.root must be given: data.root=/path/to/pictures."
        return (
            f"data.root must be given: data.root=/path/to/pictures. {self.title} does not come "
            f"with this project ({self.licence}). {self.obtain}"
        )

    def notes(self, found: int) -> list[str]:
        """What should be said of `found` pictures of it."""
        if not self.title:
            return []
        said = [f"{self.title}: {self.licence}."]
        if self.pictures and found != self.pictures:
            said.append(f"{found:,} pictures are here; the published set has {self.pictures:,}.")
        return said
