"""Where and with what a run happened."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from core.paths import ROOT


def environment(device: str) -> dict[str, Any]:
    """Commit, versions, device and time, as a record holds them."""
    import torch  # 2.5 s of CPU, which whoever only reads records does not pay

    return {
        "commit": git("rev-parse", "HEAD"),
        "dirty": bool(git("status", "--porcelain", "--untracked-files=no", "--", ":!results")),
        "torch": torch.__version__,  # with the build's local part, which the metadata may lack
        "lightning": version("lightning"),
        "python": platform.python_version(),
        "device": device,
        "threads": torch.get_num_threads(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def git(*words: str) -> str:
    """What git says of the project, or nothing where there is no repository."""
    line = ["git", "--no-optional-locks", *words]  # another git may be at work here
    try:
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
