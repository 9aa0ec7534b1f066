"""Where the project lies, the one place that counts parent folders; and where its caches lie."""

import os
from pathlib import Path

from platformdirs import user_cache_dir

from core.errors import UserError

ROOT = Path(__file__).parent.parent  # of the packages; relative paths in yaml start here
ASSETS = ROOT / "core" / "assets"  # weights that are shipped
CONF = ROOT / "conf"  # every number of every experiment


def placed(path: str) -> Path:
    """Where a path of a yaml lies: in the project, unless it begins at the root or with ``~``."""
    return ROOT / os.path.expanduser(path)  # leaves ~nobody as it is, where Path would raise


def cache_folder(named: str = "") -> Path:
    """Folder of what can be downloaded or computed again: as a yaml or a command line names it,
    else ``$STYLESHIFT_CACHE``, else the system's place, on Linux ``~/.cache/styleshift``.
    """
    folder = named or os.environ.get("STYLESHIFT_CACHE") or user_cache_dir("styleshift", False)
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:
        raise UserError(
            f"machine.cache={folder}: there is no home folder; machine.cache=FOLDER names a place."
        ) from error
