"""Files that came from somewhere: regular ones, of a size that can be meant."""

from pathlib import Path

LARGEST = 2**26  # bytes of a list, a record or a sheet; ours have less than a hundredth


def read(path: Path, largest: int = LARGEST) -> bytes:
    """The content of a regular file; an OSError says what else it is. A pipe would be waited for
    without end.
    """
    if path.exists() and not path.is_file():
        raise OSError("it is no regular file")
    if path.stat().st_size > largest:
        raise OSError(f"it has more than {largest:,} bytes")
    return path.read_bytes()
