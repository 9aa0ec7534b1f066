"""What single exemplars do in a run, as the command tells it."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import exemplars
from benchmarks import run as runs
from benchmarks.harness.config.build import build
from benchmarks.harness.evaluation.metrics import exemplar_retrieval
from benchmarks.harness.stylize.exemplar_evaluation import exchange_rows
from benchmarks.harness.stylize.exemplars import STRENGTHS, in_strengths, in_styles

SIDE, SHOTS = 64, 3


def test_a_matrix_has_a_row_for_each_photo_and_a_strip_begins_without_structure(composed):
    cfg = composed("method=dualstylegan")
    adapter = build(cfg.method, build(cfg.source))
    rng = torch.Generator().manual_seed(1)
    shape = (SHOTS, adapter.g.num_ws, adapter.g.z_dim)
    codes = torch.randn(shape, generator=rng)
    adapter.exemplars.fill(codes, codes.flip(0), torch.rand(SHOTS, 3, 8, 8, generator=rng))
    styles, ws = adapter.styles, adapter.source.g.mapping(torch.randn(2, 16, generator=rng))
    rows = [styles.exemplar(k) for k in range(SHOTS)]
    with torch.no_grad():
        matrix = in_styles(styles, ws, rows, adapter.strength)
        strengths = in_strengths(styles, ws, rows[1], adapter.strength)
        one = styles.apply(ws[1:], rows[2], adapter.strength).clamp(-1, 1)
        none = styles.apply(ws, rows[1], adapter.strength._replace(structure=0.0)).clamp(-1, 1)
    assert matrix.shape == (2, SHOTS, 3, SIDE, SIDE)
    torch.testing.assert_close(matrix[1, 2], one[0], atol=1e-5, rtol=1e-4)
    assert strengths.shape == (2, STRENGTHS, 3, SIDE, SIDE)
    assert torch.equal(strengths[:, 0], none)
    assert torch.equal(strengths[:, -1], matrix[:, 1])
    assert not torch.equal(strengths[:, 0], strengths[:, -1])


def test_exchanged_rows_are_the_exemplars_in_the_finer_half(composed):
    cfg = composed("method=finetune")
    adapter = build(cfg.method, build(cfg.source)).eval()
    ws = adapter.source.g.mapping(torch.randn(4, 16, generator=torch.Generator().manual_seed(1)))
    with torch.no_grad():
        found = exchange_rows(adapter, ws[:2], ws[1:])
        own = torch.cat([ws[1, :5], ws[3, 5:]])
        wanted = adapter.render(own[None]).clamp(-1, 1)
        plain = adapter.render(ws[1:2]).clamp(-1, 1)
    assert found.shape == (2, 3, 3, SIDE, SIDE)
    torch.testing.assert_close(found[1, 2], wanted[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found[1, 0], plain[0], atol=1e-5, rtol=1e-4)


@pytest.fixture
def line(tmp_path):
    """The words of a small run on pictures of noise, for any command."""
    rng = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for k in range(SHOTS):
        pixels = rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{k}.png")

    def call(main, *words):
        small = ["source=tiny", "method.images=4", "method.batch_size=4", "eval=smoke"]
        small += ["eval.samples=32", "data=folder", f"data.root={tmp_path / 'in'}", "data.shots=3"]
        small += [f"source.invert.invert.otherwise.{k}=2" for k in ("steps", "candidates")]
        where = [f"folder={tmp_path / 'r'}", f"machine.cache={tmp_path / 'cache'}"]
        return main([*small, *where, *words])

    return call


def told(tmp_path):
    (path,) = (tmp_path / "r" / "exemplars").glob("*.json")
    return json.loads(path.read_text())["numbers"], tmp_path / "r" / "out" / path.stem


def test_a_method_without_styles_finds_exemplars_by_chance_and_with_exchanged_rows_may_not(
    line, tmp_path
):
    assert line(runs.main, "method=finetune") == 0
    assert line(exemplars.main, "method=finetune") == 0
    found, folder = told(tmp_path)
    assert found["distance"] == 0.0
    chance = pytest.approx(1 / SHOTS)
    assert found["chance"] == found["colour_found_again"] == chance
    assert found["structure_found_again"] == chance
    assert found["rows_distance"] > 0
    assert (folder / "matrix.png").is_file()


@pytest.mark.exhaustive
def test_an_exemplary_method_is_told_of_by_the_same_names(line, tmp_path):
    steps = ("transfer.phase_steps", "transfer.last_steps", "tuning.tuning_steps")
    steps += ("destylise.refine_steps", "destylise.code_steps")
    words = [f"method.pretraining.{name}=1" for name in steps]
    words += ["method.styles.sampler_steps=1", "method.refine_from=0"]
    assert line(runs.main, "method=dualstylegan", *words) == 0
    assert line(exemplars.main, *words) == 0  # the method need not be named
    found, folder = told(tmp_path)
    assert found["styles"] == SHOTS
    assert found["distance"] > 0
    assert {"structure_found_again", "colour_found_again", "identity", "chance"} <= set(found)
    for name in ("matrix.png", "strip.png", "destylised.png"):
        assert (folder / name).is_file()


def test_a_run_that_is_not_there_is_one_sentence(line, capsys):
    assert line(exemplars.main, "method=finetune") == 2
    assert "There is no finished run in" in capsys.readouterr().err


def test_results_that_follow_their_exemplars_are_found_again():
    rng = torch.Generator().manual_seed(0)
    styles, photos = torch.randn(5, 8, generator=rng), torch.randn(7, 1, 8, generator=rng)
    assert exemplar_retrieval.retrieval_rate(10 * photos + 0.3 * styles, styles) == 1.0
    same = photos.expand(7, 5, 8)
    assert exemplar_retrieval.retrieval_rate(same, styles) == pytest.approx(1 / 5)
    assert exemplar_retrieval.mean_distance(same) == 0.0
    two = torch.tensor([[[0.0], [2.0]]])
    assert exemplar_retrieval.mean_distance(two) == 4.0


def test_a_colourless_picture_has_the_luma_of_rec_601_centred_and_of_one_contrast():
    picture = torch.zeros(1, 3, 2, 2)
    picture[0, 0, 0, 0], picture[0, 1, 0, 1], picture[0, 2, 1, 0] = 1, 1, 1  # red, green, blue
    luma = torch.tensor([0.299, 0.587, 0.114, 0.0])
    grey = exemplar_retrieval.colourless(picture)
    torch.testing.assert_close(grey[0, 0].flatten(), 0.4 * (luma - luma.mean()) / luma.std())
    assert torch.equal(grey[:, 0], grey[:, 1])
