"""What the yamls of the project name."""

import re

from core.paths import CONF


def targets(*groups):
    """Addresses of all classes and functions that files of these groups name, or of any."""
    folders = [CONF / group for group in groups] or [CONF]
    files = [path for folder in folders for path in folder.rglob("*.yaml")]
    texts = [path.read_text(encoding="utf-8") for path in files]
    return {target for text in texts for target in re.findall(r"_target_: *([\w.]+)", text)}
