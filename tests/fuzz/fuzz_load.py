"""Coverage-guided fuzzing of ``core.convert.load`` with atheris; not part of the test suite.

    pip install atheris
    python tests/fuzz/fuzz_load.py -max_total_time=300 -timeout=20 -rss_limit_mb=2048

Further arguments are libFuzzer's; a folder keeps the corpus there. It begins with one small file of
each format, written on the spot. Whatever is neither success nor a ``CheckpointError``, a pause of
twenty seconds or two gigabytes of memory, ends it and leaves the file: make a test of it in
``tests/core/convert/test_convert_hostile.py``.
"""

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["core.convert", "pickle", "zipfile"]):
    import zipfile  # noqa: F401

    from core import weights
    from core.convert import CheckpointError, load

from tests.helpers import checkpoints, hostile

FOLDER = Path(tempfile.mkdtemp())


def one(raw: bytes) -> None:
    """Load bytes as a file."""
    path = FOLDER / "file"
    path.write_bytes(raw)
    try:
        load(path)
    except CheckpointError:
        return


def begin(folder: Path) -> None:
    """One file of each format, and the hostile ones that the tests know."""
    folder.mkdir(exist_ok=True)
    g, d = checkpoints.pair(width=2, channels={4: 2, 8: 1}, layers=1)
    tree = checkpoints.rosinality_tree(g, d)
    checkpoints.rosinality(folder / "zip.pt", tree)
    checkpoints.rosinality(folder / "old.pt", tree, old=True)
    checkpoints.nvidia(folder / "nvidia.pkl", g, d)
    checkpoints.tensorflow(folder / "tensorflow.pkl", g, d)
    weights.write(folder / "ours.safetensors", {"g": g, "d": d}, {})
    for number, raw in enumerate(hostile.claims().values()):
        if len(raw) < 10_000:
            (folder / f"claim{number}").write_bytes(raw)


if __name__ == "__main__":
    begin(FOLDER / "seeds")
    atheris.Setup([*sys.argv, "-max_len=60000", str(FOLDER / "seeds")], one)
    atheris.Fuzz()
