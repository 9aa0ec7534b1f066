"""One trained generator, a row for each level."""

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from benchmarks import run
from benchmarks.harness.evaluation import swaps
from benchmarks.harness.records.record import Record

LINE = [
    "source=tiny", "method=finetune", "method.images=16", "method.batch_size=4", "method.lr=0.02",
    "eval=smoke", "eval.samples=32", "data=folder", "data.shots=5",
]  # fmt: skip


@pytest.fixture
def styleshift(capsys, tmp_path):
    """Runs the command line on five pictures: exit status, stderr, and the records by level."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(5):
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(folder / f"{i}.png")

    def call(*words):
        line = [*LINE, f"data.root={folder}", f"folder={tmp_path / 'r'}", *words]
        status = run.main(line)
        rows = {}
        for path in sorted((tmp_path / "r").glob("runs/*.json")):
            made = Record.read(path).to_json()
            swap = made["config"]["swap"]
            rows[swap["_target_"].split("_")[-1], swap["resolution"]] = made | {"name": path.stem}
        return status, capsys.readouterr().err, rows

    return call


@pytest.mark.exhaustive
def test_a_sweep_trains_once_and_leaves_a_row_for_each_level(styleshift, tmp_path):
    status, _, rows = styleshift("-m", "swap.resolution=8,64", "swap=weights,features")
    assert status == 0
    levels = [("weights", 0), ("weights", 8), ("features", 8), ("weights", 64), ("features", 64)]
    assert set(rows) == set(levels)
    assert len(list(tmp_path.glob("r/out/*/curves"))) == 1
    trained = rows["weights", 0]
    assert trained["overrides"] == [w for w in trained["overrides"] if not w.startswith("swap")]
    for level in levels[1:]:
        assert rows[level]["of"] == trained["name"]
        assert rows[level]["cost"] == trained["cost"]
        assert f"swap.resolution={level[1]}" in rows[level]["overrides"]
        assert (tmp_path / "r" / "out" / rows[level]["name"] / "sheet.png").is_file()
    values = {row["metrics"]["intra@parafaces"]["value"] for row in rows.values()}
    assert len(values) == len(levels)


@pytest.mark.exhaustive
def test_a_finished_run_is_not_trained_again(styleshift, tmp_path):
    _, _, rows = styleshift()
    weights = tmp_path / "r" / "out" / rows["weights", 0]["name"] / "generator.safetensors"
    before = weights.stat().st_mtime_ns
    status, _, rows = styleshift("swap.resolution=16")
    assert status == 0
    assert weights.stat().st_mtime_ns == before
    merged = load_file(weights.parent.parent / rows["weights", 16]["name"] / weights.name)
    trained = load_file(weights)
    same = {k.split(".")[2] for k, v in merged.items() if "weight" in k and v.equal(trained[k])}
    assert {"b32", "b64"} <= same
    assert not {"b4", "b8", "b16"} & same


def test_a_run_of_other_shots_or_another_source_is_not_taken(styleshift, tmp_path):
    _, _, rows = styleshift()
    row = rows["weights", 0]
    folder = tmp_path / "r" / "out" / row["name"]
    hashes = {k: row["provenance"][k] for k in ("weights_sha256", "shots_sha256")}
    assert swaps.finished(folder, hashes)
    for key in hashes:
        assert not swaps.finished(folder, hashes | {key: "another"})
    (folder / "generator.safetensors").unlink()
    assert not swaps.finished(folder, hashes)


@pytest.mark.parametrize("level", ["12", "128", "2", "-8", "half"])
def test_a_level_that_cannot_be_meant_is_refused(styleshift, tmp_path, level):
    status, said, rows = styleshift(f"swap.resolution={level}")
    assert status == 2
    assert said.startswith("styleshift: swap.resolution")
    assert not rows
