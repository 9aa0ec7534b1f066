"""DualStyleGAN's stages on the tiny source."""

import copy

import pytest
import torch
from omegaconf import OmegaConf

from benchmarks import exemplars, likes
from benchmarks.run import build
from benchmarks.settings import flat
from core.destylise import rows_mapped
from core.exemplars import Exemplars
from core.styles import Dose, between
from core.stylesampler import NOISE, CodeSampler, learn

SIDE, SHOTS = 64, 3


def pictures(n=SHOTS, seed=7):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, SIDE, SIDE, generator=rng) * 2 - 1


def ready(composed, cache):
    """An adapter that is ready to train."""
    cfg = composed("method=dualstylegan", f"machine.cache={cache}")
    for key, value in flat(cfg).items():
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


def test_one_more_shot_shares_stage_two_but_no_codes(alone, tmp_path):
    before = set((tmp_path / "dualstylegan").iterdir())
    alone.prepare(pictures(SHOTS + 1))
    assert len(set((tmp_path / "dualstylegan").iterdir()) - before) == 1 + SHOTS + 1
    assert len(alone.exemplars) == SHOTS + 1


def test_codes_do_not_depend_on_the_pictures_beside(adapter):
    g, destylise = adapter.source.g, adapter.ready.destylise
    together = destylise(g, g, pictures())
    alone = destylise(g, g, pictures()[1:2])
    for one, all_ in zip(alone, together, strict=True):
        torch.testing.assert_close(one[0], all_[1], atol=1e-4, rtol=1e-3)


def test_colour_rows_of_the_face_are_the_styles(adapter):
    destylise, exemplars = adapter.ready.destylise, adapter.exemplars
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
    nothing = adapter.styled(ws, adapter.style_of(0), Dose(0.0, 0.0, 0.0, 1.0))
    assert torch.equal(nothing, adapter.source.g.synthesis(ws))
    mean = torch.cat([adapter.style_of(k) for k in range(SHOTS)]).mean(0, keepdim=True)
    unnamed = adapter.styled(ws, mean, adapter.unnamed_dose)
    torch.testing.assert_close(adapter.render(ws), unnamed)
    both = torch.cat([ws, mean.expand(2, -1, -1)], dim=1)
    torch.testing.assert_close(adapter.render(both), adapter.styled(ws, mean, adapter.dose))


def test_with_preserved_colours_the_styles_colours_do_nothing(adapter):
    ws = adapter.source.g.mapping(torch.randn(2, 16))
    one, other = adapter.style_of(0), adapter.style_of(0).clone()
    other[:, adapter.g.structure_rows :] += 1
    keep = Dose(1.0, 1.0, 1.0, 1.0)
    assert torch.equal(adapter.styled(ws, one, keep), adapter.styled(ws, other, keep))
    take = Dose(1.0, 1.0, 0.0, 1.0)
    assert not torch.equal(adapter.styled(ws, one, take), adapter.styled(ws, other, take))


def test_two_styles_are_mixed(adapter):
    a, b = adapter.style_of(0), adapter.style_of(1)
    assert torch.equal(between(a, b, 0.0), a)
    torch.testing.assert_close(between(a, b, 0.5), (a + b) / 2)


def test_the_result_of_a_run_is_read_back_without_making_anything(adapter, composed, tmp_path):
    cfg = composed("method=dualstylegan", f"machine.cache={tmp_path / 'elsewhere'}")
    for key, value in flat(cfg).items():
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
    ws, ex_ws = adapter.draw(ids, paired=True)
    cut = adapter.recoloured_from
    codes = rows_mapped(adapter.source.g, adapter.exemplars.intrinsic[ids])
    torch.testing.assert_close(ws[:, :cut], codes[:, :cut])
    assert not torch.allclose(ws[:, cut:], codes[:, cut:])
    styles = rows_mapped(adapter.source.g, adapter.exemplars.extrinsic[ids])
    spread = ((ex_ws - styles) / adapter.spread).std()
    assert 0.08 < spread < 0.12


def test_a_picture_names_its_own_style_and_a_new_one_gets_one(adapter):
    shots = pictures()
    assert torch.equal(adapter.style_like(shots[1]), adapter.style_of(1))
    new = pictures(1, seed=8)[0]
    style = adapter.style_like(new)
    assert style.shape == (1, adapter.g.num_ws, 16)
    assert all(not torch.equal(style, adapter.style_of(k)) for k in range(SHOTS))
    adapter.source.inverter = lambda g, photos: g.mapping(photos.flatten(1)[:, : g.z_dim])
    shown = adapter.stylise_as(shots[:2], style, adapter.dose._replace(structure=0.5))
    assert shown.shape == (2, 3, SIDE, SIDE)


def test_a_matrix_has_a_row_for_each_photo_and_a_strip_begins_without_structure(adapter):
    ws = adapter.source.g.mapping(torch.randn(2, 16))
    with torch.no_grad():
        assert exemplars.matrix(adapter, ws, SHOTS).shape == (2, SHOTS, 3, SIDE, SIDE)
        doses = exemplars.strip(adapter, ws, 1)
    flat_dose = adapter.dose._replace(structure=0.0)
    first = adapter.styled(ws, adapter.style_of(1), flat_dose).clamp(-1, 1)
    assert torch.equal(doses[:, 0], first)
    assert not torch.equal(doses[:, 0], doses[:, -1])


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


def test_results_that_follow_their_exemplars_are_found_again():
    rng = torch.Generator().manual_seed(0)
    styles, photos = torch.randn(5, 8, generator=rng), torch.randn(7, 1, 8, generator=rng)
    assert likes.found_again(10 * photos + 0.3 * styles, styles) == 1.0
    same = photos.expand(7, 5, 8)
    assert likes.found_again(same, styles) == pytest.approx(1 / 5)
    assert likes.apart(same) == 0.0
    two = torch.tensor([[[0.0], [2.0]]])
    assert likes.apart(two) == 4.0
