"""Files that a user asked for, written at once or refused in one sentence."""

from pathlib import Path

from core import atomic
from core.errors import UserError


def write(path: Path, data: bytes, what: str = "") -> None:
    """Write a file at once; a UserError says ``what`` cannot be written, and why."""
    try:
        atomic.write(path, data)
    except OSError as error:
        said = f"{what} cannot be written to {path}" if what else f"{path} cannot be written"
        raise UserError(f"{said}: {error.strerror}.") from error
