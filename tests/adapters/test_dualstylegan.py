"""DualStyleGAN's stages on the tiny source."""

import copy

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from adapters.adversarial import Batch
from benchmarks.harness.config.build import build
from benchmarks.harness.config.files import resolved
from benchmarks.harness.data.domains.base import LazyShots
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.records.nested import leaves
from core.networks.exemplars import Exemplars
from core.networks.generator import rows_mapped
from core.networks.styles import NOISE, CodeSampler, StyleStrength, learn, mixed

SIDE, SHOTS = 64, 3


def pictures(n=SHOTS, seed=7):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, SIDE, SIDE, generator=rng) * 2 - 1


def ready(composed, cache):
    """An adapter that is ready to train."""
    cfg = composed("method=dualstylegan", f"machine.cache={cache}")
    for key, value in leaves(resolved(cfg)).items():
        if key.startswith("method.") and key.endswith("_steps") and value:
            OmegaConf.update(cfg, key, 2)
    made = build(cfg.method, build(cfg.source))
    made.prepare(pictures())
    return made


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def adapter(composed, cache):
    """Of a cache that all tests share."""
    return ready(composed, cache)


@pytest.fixture
def alone(composed, tmp_path):
    """Of a cache of its own."""
    return ready(composed, tmp_path)


def test_what_is_made_once_is_not_made_again(alone, tmp_path):
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "dualstylegan").iterdir()}
    assert len(files) == 2 + SHOTS  # stage II, the tuned generator, and every picture
    codes = alone.exemplars.extrinsic.clone()
    alone.prepare(pictures())
    now = {path: path.stat().st_mtime_ns for path in (tmp_path / "dualstylegan").iterdir()}
    assert now == files
    assert torch.equal(alone.exemplars.extrinsic, codes)


@pytest.mark.exhaustive
def test_shots_are_streamed_and_never_held_together(alone, tmp_path):
    asked = []

    class Watched(LazyShots):
        def __getitem__(self, which):
            images = super().__getitem__(which)
            asked.append(len(images))
            return images

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (SHOTS + 2, SIDE, SIDE, 3), dtype=np.uint8)
    alone.pretraining.batch_size = 2
    alone.pretraining.tuning.keywords["batch_size"] = 2
    alone.prepare(Watched(pixels, alone.device))
    assert max(asked) == 2
    codes, files = alone.exemplars.extrinsic.clone(), set((tmp_path / "dualstylegan").iterdir())
    alone.prepare(as_images(pixels))  # the same pictures by the same names
    assert set((tmp_path / "dualstylegan").iterdir()) == files
    assert torch.equal(alone.exemplars.extrinsic, codes)


@pytest.mark.exhaustive
def test_one_more_shot_shares_stage_two_but_no_codes(alone, tmp_path):
    before = set((tmp_path / "dualstylegan").iterdir())
    alone.prepare(pictures(SHOTS + 1))
    assert len(set((tmp_path / "dualstylegan").iterdir()) - before) == 1 + SHOTS + 1
    assert len(alone.exemplars) == SHOTS + 1


def test_codes_do_not_depend_on_the_pictures_beside(adapter):
    g, destylise = adapter.source.g, adapter.pretraining.destylise
    together = destylise(g, g, pictures())
    alone = destylise(g, g, pictures()[1:2])
    for one, all_ in zip(alone, together, strict=True):
        torch.testing.assert_close(one[0], all_[1], atol=1e-4, rtol=1e-3)


def test_colour_rows_of_the_face_are_the_styles(adapter):
    destylise, exemplars = adapter.pretraining.destylise, adapter.exemplars
    cut = destylise.colour_from
    assert torch.equal(exemplars.intrinsic[:, cut:], exemplars.extrinsic[:, cut:])
    assert not torch.equal(exemplars.intrinsic[:, :cut], exemplars.extrinsic[:, :cut])


def test_a_mirrored_shot_is_turned_back(adapter):
    shots, ids = pictures(), torch.tensor([0, 1, 2])
    shown = shots.clone()
    shown[1] = shown[1].flip(-1)
    assert torch.equal(adapter.exemplars.upright(shown, ids), shots)


def test_no_style_is_the_sources_picture_and_a_mean_style_is_the_default(adapter):
    ws = adapter.source.g.mapping(torch.randn(2, 16))
    nothing = adapter.styles.apply(
        ws, adapter.styles.exemplar(0), StyleStrength(0.0, 0.0, 0.0, 1.0)
    )
    assert torch.equal(nothing, adapter.source.g.synthesis(ws))
    mean = torch.cat([adapter.styles.exemplar(k) for k in range(SHOTS)]).mean(0, keepdim=True)
    unnamed = adapter.styles.apply(ws, mean, adapter.unnamed_strength)
    torch.testing.assert_close(adapter.render(ws), unnamed)
    both = torch.cat([ws, mean.expand(2, -1, -1)], dim=1)
    torch.testing.assert_close(
        adapter.render(both), adapter.styles.apply(ws, mean, adapter.strength)
    )


def test_with_preserved_colours_the_styles_colours_do_nothing(adapter):
    ws = adapter.source.g.mapping(torch.randn(2, 16))
    apply = adapter.styles.apply
    one, other = adapter.styles.exemplar(0), adapter.styles.exemplar(0).clone()
    other[:, adapter.g.structure_rows :] += 1
    keep = StyleStrength(1.0, 1.0, 1.0, 1.0)
    assert torch.equal(apply(ws, one, keep), apply(ws, other, keep))
    take = StyleStrength(1.0, 1.0, 0.0, 1.0)
    assert not torch.equal(
        adapter.styles.apply(ws, one, take), adapter.styles.apply(ws, other, take)
    )


def test_preserved_colours_are_the_photos_own_however_the_face_is_truncated(adapter):
    ws, style = adapter.source.g.mapping(torch.randn(2, 16)), adapter.styles.exemplar(0)
    g, psi = adapter.eval_generator(), 0.5
    average, cut = g.generator.mapping.w_avg, g.structure_rows
    rows = torch.cat([style.expand(2, -1, -1)[:, :cut], ws[:, cut:]], dim=1)
    wanted = g.synthesis(average + psi * (ws - average), rows, g.weights(1.0, 1.0))
    found = adapter.styles.apply(ws, style, StyleStrength(1.0, 1.0, 1.0, psi))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_styles_are_mixed_in_equal_parts(adapter):
    a, b = adapter.styles.exemplar(0), adapter.styles.exemplar(1)
    assert torch.equal(mixed([a]), a)
    torch.testing.assert_close(mixed([a, b]), (a + b) / 2)
    torch.testing.assert_close(mixed([a, a, b]), (2 * a + b) / 3)


def test_an_exemplar_is_remembered_with_its_own_face(adapter):
    whole = StyleStrength(1.0, 1.0, 0.0, 1.0)
    ws = rows_mapped(adapter.source.g, adapter.exemplars.intrinsic[1:2])
    shown = adapter.styles.reconstruct(1, whole)
    assert torch.equal(shown, adapter.styles.apply(ws, adapter.styles.exemplar(1), whole))
    assert len(adapter.styles) == SHOTS


def test_random_styles_are_those_of_the_sampler_that_was_read_with_the_codes(adapter, composed):
    cfg = composed("method=dualstylegan", "method.styles.sampler_steps=2")
    other, z = build(cfg.method, build(cfg.source)), torch.randn(2, 16)
    drawn, networks = adapter.styles.sample(z), adapter.export()
    with torch.no_grad():
        networks["sampler"].colour.lin_out.weight.add_(1)  # as only the file knows it
    for name, network in other.export().items():
        network.load_state_dict(networks[name].state_dict())
    assert torch.equal(other.styles.sample(z), adapter.styles.sample(z))
    assert not torch.allclose(other.styles.sample(z), drawn)
    with torch.no_grad():
        other.exemplars.colour.add_(1)  # as training would
    assert not torch.equal(other.styles.sample(z), adapter.styles.sample(z))


def test_the_result_of_a_run_is_read_back_without_making_anything(adapter, composed, tmp_path):
    cfg = composed("method=dualstylegan", f"machine.cache={tmp_path / 'elsewhere'}")
    for key, value in leaves(resolved(cfg)).items():
        if key.startswith("method.") and key.endswith("_steps") and value:
            OmegaConf.update(cfg, key, 2)
    other = build(cfg.method, build(cfg.source))
    for name, network in other.export().items():
        network.load_state_dict(adapter.export()[name].state_dict())
    z = torch.randn(2, 16)
    assert torch.equal(other.eval().sample(z), adapter.eval().sample(z))
    assert not (tmp_path / "elsewhere").exists()


def test_the_structure_transform_is_averaged_too(adapter):
    before = copy.deepcopy(adapter.ema.model.structure.state_dict())
    with torch.no_grad():
        for parameter in adapter.g.structure.parameters():
            parameter += 1
    adapter.ema.update(adapter.g, 1000)
    after = adapter.ema.model.structure.state_dict()
    assert all(not torch.equal(after[k], before[k]) for k in before)


def test_faces_and_results_of_a_step_share_their_styles(adapter):
    ids = torch.tensor([0, 1, 2, 0])
    ws, ex_ws = adapter.draw(Batch(pictures(4), ids, step=adapter.paired_every - 1)).styles
    cut = adapter.recoloured_from
    codes = rows_mapped(adapter.source.g, adapter.exemplars.intrinsic[ids])
    torch.testing.assert_close(ws[:, :cut], codes[:, :cut])
    assert not torch.allclose(ws[:, cut:], codes[:, cut:])
    styles = rows_mapped(adapter.source.g, adapter.exemplars.extrinsic[ids])
    spread = ((ex_ws - styles) / adapter.w_std).std()
    assert 0.08 < spread < 0.12


def test_a_picture_names_its_own_style_and_a_new_one_gets_one(adapter):
    shots = pictures()
    assert torch.equal(adapter.styles.style_of(shots[1]), adapter.styles.exemplar(1))
    new = pictures(1, seed=8)[0]
    style = adapter.styles.style_of(new)
    assert style.shape == (1, adapter.g.num_ws, 16)
    assert all(not torch.equal(style, adapter.styles.exemplar(k)) for k in range(SHOTS))


def test_exemplars_take_a_state_of_any_number_of_pictures():
    shape = {"rows": 6, "structure_rows": 3, "z_dim": 4}
    five, none = Exemplars(count=5, **shape), Exemplars(count=0, **shape)
    five.fill(torch.randn(5, 6, 4), torch.randn(5, 6, 4), torch.randn(5, 3, 8, 8))
    none.load_state_dict(five.state_dict())
    assert none.config == five.config
    assert torch.equal(none.extrinsic, five.extrinsic)


def test_a_sampler_forgets_none_of_its_codes_and_draws_between_them():
    rng = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    codes, network = torch.randn(4, 12, generator=rng), CodeSampler(12)
    how = {"copies": 400, "jitter": 0.05, "lr": 1e-3, "halve": 20}
    learn(network, codes, rounds=60, rng=rng, **how)
    drawn = network(torch.randn(500, NOISE, generator=rng))
    gaps = torch.cdist(codes, drawn).min(dim=1).values
    assert gaps.max() < 0.3 * torch.pdist(codes).min()
    alone = network(torch.zeros(1, NOISE))
    torch.testing.assert_close(network(torch.zeros(3, NOISE))[:1], alone)


def test_parts_of_a_batch_are_those_that_processes_would_have(adapter):
    adapter.chunk = 4
    rows = torch.arange(10)
    assert [rows[:8][part].tolist() for part in adapter.chunks(8)] == [[0, 2, 4, 6], [1, 3, 5, 7]]
    parts = [rows[part] for part in adapter.chunks(10)]
    assert max(map(len, parts)) <= 4
    assert torch.equal(torch.cat(parts).sort().values, rows)
    assert [rows[:3][part].tolist() for part in adapter.chunks(3)] == [[0, 1, 2]]
