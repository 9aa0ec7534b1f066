"""Compiled code is read from the disk, also by the process that finds none there.

A process that has compiled its kernels itself calls some of their parts where one that has read
them runs copies within the callers, which were optimised otherwise: now and then a pixel comes out
one grey level darker. So whoever finds nothing compiled has another process do it.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from benchmarks.parafaces.march import survey
from core.paths import ROOT

COMPILER = "STYLESHIFT_COMPILER"  # set in the process that compiles for others
COMPILE = """\
import sys
import numpy as np
from benchmarks import parafaces
nobody = np.zeros(1, np.int64)
parafaces.render(parafaces.parameters(nobody, nobody), sys.argv[1], 32)
"""


@cache
def compiled(domain: str) -> None:
    """See to it that the kernels, with those of a domain, lie where numba keeps them.

    If they cannot, whoever needs them compiles them.
    """
    where = survey.stats.cache_path
    there = list(Path(where).glob(f"march.{survey.py_func.__name__}-*.nbi")) if where else []
    if there or COMPILER in os.environ:
        return
    paths = filter(None, (str(ROOT), os.environ.get("PYTHONPATH", "")))
    subprocess.run(
        [sys.executable, "-c", COMPILE, domain],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), COMPILER: "1"},
        capture_output=True,
        check=False,
    )
