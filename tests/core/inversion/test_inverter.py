"""From photos to style rows: L-BFGS, refinement, projection, history."""

import copy
import itertools
from pathlib import Path

import pytest
import torch

from core import weights
from core.errors import UserError
from core.inversion.inverter import (
    CachedInversion,
    EncoderInversion,
    Projector,
    W,
    WPlus,
    save_codes,
)
from core.inversion.noise_maps import ConstantNoise, RegularisedNoise, autocorrelation, renormalise
from core.inversion.refinement import LatentRefinement, equal_steps, minimise
from core.networks.encoders import Compact
from core.networks.generator import Generator
from core.networks.perception import Guide
from tests.golden import formula

TABLE = {4: 8, 8: 8, 16: 8, 32: 8}


class Eyes:
    """Sees the pixels themselves."""

    def embed(self, images):
        return images.flatten(1)


class Repeat:
    """A mapping network that repeats its latent."""

    def __init__(self, rows, w_dim) -> None:
        self.rows, self.w_avg = rows, torch.zeros(w_dim)

    def __call__(self, z):
        return z[:, None].repeat(1, self.rows, 1)


class Linear:
    """A generator whose picture is a linear function of its rows: everything is known of it."""

    def __init__(self, rows=3, w_dim=4, side=4) -> None:
        rng = torch.Generator().manual_seed(0)
        self.z_dim, self.w_dim, self.num_ws, self.side = w_dim, w_dim, rows, side
        self.mapping = Repeat(rows, w_dim)
        scale = torch.logspace(0, -2, w_dim)  # directions that matter differently
        self.matrix = torch.randn(rows, w_dim, 3 * side * side, generator=rng) * scale[:, None]

    def synthesis(self, ws):
        return torch.einsum("nla,lap->np", ws, self.matrix).view(-1, 3, self.side, self.side)


LINEAR = Linear()


@pytest.fixture(scope="module")
def g():
    torch.manual_seed(0)
    made = Generator(z_dim=8, w_dim=8, img_resolution=32, channels=TABLE, mapping_layers=2)
    made.requires_grad_(False).mapping.w_avg.copy_(made.mapping.style(torch.randn(500, 8)).mean(0))
    return made


@pytest.fixture(scope="module")
def photos(g):
    rng = torch.Generator().manual_seed(4)
    return g(torch.randn(3, 8, generator=rng)).clamp(-1, 1)


def distance(g, ws, photos):
    return Guide()(g.synthesis(ws), photos).mean().item()


def test_lbfgs_finds_the_minimum_of_quadratics_of_any_condition():
    rng = torch.Generator().manual_seed(0)
    centres = torch.randn(4, 6, generator=rng).double()
    curvature = torch.stack([torch.logspace(0, k, 6) for k in range(4)]).double()

    def losses(x):
        return (curvature * (x - centres).square()).sum(1)

    found = minimise(losses, torch.zeros(4, 6).double(), steps=60, history=10, first_step=0.1)
    torch.testing.assert_close(found, centres, atol=1e-5, rtol=0)


def test_lbfgs_finds_the_end_of_rosenbrocks_valley():
    def losses(x):
        return 100 * (x[:, 1] - x[:, 0] ** 2) ** 2 + (1 - x[:, 0]) ** 2

    start = torch.tensor([[-1.2, 1.0], [0.0, 0.0]]).double()
    found = minimise(losses, start, steps=100, history=10, first_step=0.1)
    torch.testing.assert_close(found, torch.ones(2, 2).double(), atol=1e-4, rtol=0)


def test_problems_side_by_side_do_not_know_of_each_other():
    def losses(x):
        return (x**4).sum(1) + (x - 1).square().sum(1)

    start = torch.tensor([[5.0, -3.0], [0.1, 0.2], [100.0, 7.0]]).double()
    options = {"steps": 12, "history": 4, "first_step": 1.0}
    together = minimise(losses, start, **options)
    alone = torch.cat([minimise(losses, row[None], **options) for row in start])
    torch.testing.assert_close(together, alone)


def test_lbfgs_never_gets_worse_and_survives_what_is_no_number():
    def losses(x):
        return (x - 3).square().sum(1) - 0.1 * torch.log(4 - x).sum(1)  # nan beyond 4

    start = torch.tensor([[-40.0], [3.9]]).double()
    values = [
        losses(minimise(losses, start, steps=n, history=5, first_step=30.0))
        for n in (0, 1, 2, 5, 20)
    ]
    for before, after in itertools.pairwise(values):
        assert (after <= before).all()
    assert torch.isfinite(values[-1]).all()
    assert values[-1].max() < 0.1


def test_no_steps_leave_the_start():
    start = torch.randn(2, 3)
    assert torch.equal(
        minimise(lambda x: x.sum(1), start, steps=0, history=3, first_step=1.0), start
    )


def test_equal_steps_whiten_a_linear_generator():
    along = equal_steps(LINEAR, Eyes(), probes=16000, damping=0.0, pixel=0.0, seed=1)
    for row in range(LINEAR.num_ws):
        moved = along[row] @ LINEAR.matrix[row]
        torch.testing.assert_close(moved @ moved.T, torch.eye(4), atol=0.06, rtol=0)


def test_refinement_solves_a_linear_generator_and_equal_steps_make_it_quicker():
    rng = torch.Generator().manual_seed(5)
    truth, start = torch.randn(2, 3, 4, generator=rng), torch.randn(2, 3, 4, generator=rng)
    photos = LINEAR.synthesis(truth)
    left = {}
    for name, along in (
        ("equal", equal_steps(LINEAR, Eyes(), probes=4000, damping=0.0, pixel=0.0, seed=1)),
        ("plain", torch.eye(4).repeat(3, 1, 1)),
    ):
        refine = LatentRefinement(
            perceptual=Eyes(),
            steps=8,
            pixel=0,
            prior_weight=0,
            history=8,
            first_step=0.1,
            batch_size=1,
        )
        found = refine(LINEAR, photos, start, along)
        left[name] = (LINEAR.synthesis(found) - photos).square().sum().item()
    assert left["equal"] < 0.1 * left["plain"]


def test_refinement_brings_pictures_nearer_and_no_steps_change_nothing(g, photos):
    rng = torch.Generator().manual_seed(6)
    start = g.mapping(torch.randn(3, 8, generator=rng))
    along = equal_steps(g, Guide(), probes=64, damping=0.001, pixel=1.0, seed=0)
    options = {"pixel": 1.0, "prior_weight": 0.0, "history": 10, "first_step": 0.1, "batch_size": 2}
    found = LatentRefinement(perceptual=Guide(), steps=10, **options)(g, photos, start, along)
    assert distance(g, found, photos) < 0.5 * distance(g, start, photos)
    same = LatentRefinement(perceptual=Guide(), steps=0, **options)(g, photos, start, along)
    torch.testing.assert_close(same, start)


def projector(**changes):
    options = {
        "perceptual": Guide(),
        "space": WPlus(),
        "noise": ConstantNoise(),
        "steps": 15,
        "lr": 0.15,
        "pixel": 1.0,
        "prior_weight": 0.002,
        "candidates": 32,
        "batch_size": 2,
        "seed": 0,
    }
    return Projector(**{**options, **changes})


def test_projection_into_wplus_improves_on_the_nearest_sample(g, photos):
    p = projector()
    start = p.start(g, photos)[0][:, None].repeat(1, g.num_ws, 1)
    found = p(g, photos)
    assert found.shape == (3, g.num_ws, g.w_dim)
    assert distance(g, found, photos) < 0.7 * distance(g, start, photos)


def test_projection_into_w_gives_one_style_for_all_layers(g, photos):
    found = projector(space=W())(g, photos[:1])
    assert torch.equal(found, found[:, :1].expand_as(found))
    start = projector().start(g, photos[:1])[0][:, None].repeat(1, g.num_ws, 1)
    assert distance(g, found, photos[:1]) < distance(g, start, photos[:1])


def test_projection_with_noise_gives_normalised_maps_that_belong_to_the_picture(g, photos):
    p = projector(noise=RegularisedNoise(weight=1e5, seed=0))
    w, spread = p.start(g, photos[:2])
    found = p.project(g, photos[:2], w, spread)
    assert list(found.noise) == g.synthesis.noise_names
    for noise in found.noise.values():
        torch.testing.assert_close(noise.mean((1, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
        torch.testing.assert_close(noise.std((1, 2, 3)), torch.ones(2), atol=1e-5, rtol=0)
    fresh = p.noise.maps(g.synthesis, 2)
    assert autocorrelation(found.noise).sum() < autocorrelation(fresh).sum()
    assert projector().project(g, photos[:2], w, spread).noise == {}


def test_autocorrelation_of_patterns_whose_value_is_known():
    def value(pattern):
        return autocorrelation({"map": pattern[None, None].double()}).item()

    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    assert value(torch.ones(4, 4)) == pytest.approx(2)  # one scale, both neighbours alike
    assert value(torch.ones(16, 16)) == pytest.approx(4)  # 16 and 8 px
    assert value((-1.0) ** (rows + columns)) == pytest.approx(2)  # gone when averaged
    assert value((-1.0) ** rows + 0 * columns) == pytest.approx(2)


@pytest.mark.parametrize("double", [False, True])
def test_autocorrelation_and_normalisation_have_the_official_values(double):
    # G.noise: the official code takes a batch for one map, which is one map of two channels here.
    maps = {}
    for i, side in enumerate([4, 8, 8, 16, 16, 32, 32]):
        drawn = formula.normal("open/G", f"reg_noise{i}", [2, 1, side, side])
        drawn = 1.5 * torch.from_numpy(drawn.reshape(1, 2, side, side)) + 0.1
        maps[str(i)] = (drawn.double() if double else drawn).requires_grad_(True)
    limit = 6e-8 if double else 2e-6
    value = autocorrelation(maps)
    assert value.item() == pytest.approx(0.17325672667307966, abs=limit)
    value.sum().backward()
    norms = [m.grad.double().norm().item() for m in maps.values()]
    official = [0.26038856, 0.02510469, 0.02082155, 0.00953993, 0.02078531, 0.01716431, 0.00224593]
    assert norms == pytest.approx(official, rel=1e-5, abs=1e-8)
    renormalise({k: m.detach() for k, m in maps.items()})
    first = maps["1"].detach()[0, 0, 0, :4].double()
    expected = torch.tensor([-0.23246934, 0.8148278, 1.2588062, -0.9709533]).double()
    torch.testing.assert_close(first, expected, atol=4e-5, rtol=0)


def small_encoder(g):
    torch.manual_seed(1)
    encoder = Compact(
        backbone="resnet10t",
        options={"channels": [8, 8, 16, 16], "stem_type": "deep", "stem_width": 4},
        stem_pool=True,
        laterals=[8, 4],
        hidden=16,
        resolution=32,
        rows=g.num_ws,
        w_dim=g.w_dim,
    ).eval()
    encoder.attend(g, samples=100, seed=0)
    return encoder


def refiner(steps):
    return LatentRefinement(
        perceptual=Guide(),
        steps=steps,
        pixel=1,
        prior_weight=0,
        history=5,
        first_step=0.1,
        batch_size=2,
    )


def test_an_encoder_inverts_where_there_is_one_and_optimisation_where_there_is_none(
    g, photos, tmp_path
):
    def otherwise(generator, pictures):
        return torch.full((len(pictures), g.num_ws, g.w_dim), 7.0)

    path = tmp_path / "encoder.safetensors"
    without = EncoderInversion(encoder=str(path), refine=refiner(0), otherwise=otherwise)
    assert (without(g, photos) == 7).all()

    encoder = small_encoder(g)
    weights.write(path, {"encoder": encoder}, {})
    plain = EncoderInversion(encoder=str(path), refine=refiner(0), otherwise=otherwise)(g, photos)
    torch.testing.assert_close(plain, encoder.styles(g, photos).detach(), atol=1e-5, rtol=1e-5)
    refined = EncoderInversion(encoder=str(path), refine=refiner(6), otherwise=otherwise)(g, photos)
    assert distance(g, refined, photos) < distance(g, plain, photos)
    assert not refined.requires_grad


def test_an_encoder_of_another_generator_is_refused(g, photos, tmp_path):
    path = tmp_path / "encoder.safetensors"
    encoder = small_encoder(g)
    encoder.average += 1
    weights.write(path, {"encoder": encoder}, {})
    invert = EncoderInversion(encoder=str(path), refine=refiner(0), otherwise=projector())
    with pytest.raises(UserError, match="another generator"):
        invert(g, photos)


def test_known_photos_are_remembered_and_others_inverted(g, photos, tmp_path):
    path: Path = tmp_path / "codes.safetensors"
    known = torch.randn(2, g.num_ws, g.w_dim).half().float()
    save_codes(path, photos[:2], known, g)
    asked = []

    def invert(generator, pictures):
        asked.append(len(pictures))
        return torch.zeros(len(pictures), g.num_ws, g.w_dim)

    remembering = CachedInversion(invert=invert, codes=str(path))
    rows = remembering(g, photos.flip(0) + 0.005)
    assert torch.equal(rows[1:], known.flip(0))
    assert (rows[0] == 0).all()
    assert asked == [1]


def test_remembered_styles_of_another_generator_are_refused(g, photos, tmp_path):
    path = tmp_path / "codes.safetensors"
    other = copy.deepcopy(g)
    other.mapping.w_avg += 1
    save_codes(path, photos, torch.zeros(3, g.num_ws, g.w_dim), other)
    with pytest.raises(UserError, match="another generator"):
        CachedInversion(invert=projector(), codes=str(path))(g, photos)
