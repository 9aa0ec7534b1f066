import copy
import math

import pytest
import torch
from torch import Tensor

from core.augment import ADA, PIPELINES, TRANSFORMS, Chance, Fixed, Off, Pipeline, RosinalityADA
from core.augment import resampling as r
from core.augment.draws import DOUBLE
from core.augment.matrices import hue, luma_flip, rotation, saturation, translation
from core.errors import UserError
from core.ops import downsample2d, filter2d, setup_filter, upsample2d

ALL = list(TRANSFORMS)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(n: int = 4, size: int = 16, channels: int = 3) -> Tensor:
    return torch.rand(n, channels, size, size, generator=rng(), dtype=DOUBLE) * 2 - 1


def ada(kind: type[ADA] = ADA, **changes: float) -> ADA:
    numbers = {"target": 0.6, "kimg": 1, "every": 2, "p_max": 1.0, "seed": 0} | changes
    return kind(pipeline="bgc", **numbers)


def test_probability_zero_is_the_identity() -> None:
    x = pictures().float()
    assert torch.equal(Fixed(pipeline="bgcfnc", p=0.0, seed=0)(x), x)
    assert torch.equal(ada()(x), x)
    assert torch.equal(Off()(x), x)
    assert (Pipeline("bgcfnc")(x, Chance(len(x), 0.0, rng())) - x).abs().max() < 1e-6


def test_warping_by_the_identity_is_the_identity() -> None:
    x = pictures(size=32)
    assert (r.warp(x, torch.eye(3, dtype=DOUBLE).repeat(4, 1, 1)) - x).abs().max() < 1e-6


def test_warping_by_whole_pixels_moves_them() -> None:
    x = pictures(size=32)
    moved = r.warp(x, translation(torch.full([4], -3.0, dtype=DOUBLE), 2.0))
    torch.testing.assert_close(
        moved[..., 2:28, 8:24], x[..., 4:30, 5:21], atol=1e-6, rtol=0
    )  # [y, x] reads [y + 2, x - 3]


def test_a_quarter_turn_turns_by_a_quarter() -> None:
    """Nearly, since the filter is not symmetric; and result (x, y) reads (-y, x)."""
    place = torch.linspace(-1, 1, 16, dtype=DOUBLE)
    x = (place[:, None] + 2 * place.square()[None, :])[None, None]
    turned = r.warp(x, rotation(torch.full([1], math.pi / 2, dtype=DOUBLE)))
    inside = (..., slice(3, 13), slice(3, 13))
    torch.testing.assert_close(turned[inside], x.rot90(1, (2, 3))[inside], atol=0.1, rtol=0)


def test_translations_have_the_known_deviation() -> None:
    """sqrt(0.125 ** 2 + 0.125 ** 2 / 3) of the width: 36.95 px at 256."""
    g = Pipeline(["xint", "xfrac"]).movements(Chance(20_000, 1.0, rng()), 256, 256)
    moves = g[:, :2, 2]
    assert moves.std(dim=0).tolist() == pytest.approx([36.95, 36.95], rel=0.02)
    assert abs(float(torch.corrcoef(moves.t())[0, 1])) < 0.03


def test_quarter_turns_are_all_drawn() -> None:
    g = Pipeline(["rotate90"]).movements(Chance(4000, 1.0, rng()), 8, 8)
    turns = (torch.atan2(g[:, 1, 0], g[:, 0, 0]) / (math.pi / 2)).round().int() % 4
    assert (turns.bincount(minlength=4) / 4000).tolist() == pytest.approx([0.25] * 4, abs=0.03)


def test_half_the_samples_turn_when_half_should() -> None:
    """The two rotations share their probability: together p, not 2 p - p ** 2."""
    g = Pipeline(["rotate"]).movements(Chance(8000, 0.5, rng()), 8, 8)
    still = (g == torch.eye(3, dtype=DOUBLE)).flatten(1).all(dim=1)
    assert still.double().mean().item() == pytest.approx(0.5, abs=0.02)


def test_every_entry_is_applied_with_its_share_of_the_probability() -> None:
    n = 8000
    c = Pipeline({"brightness": 0.5}).colours(Chance(n, 0.4, rng()), 3)
    assert (c[:, 0, 3] != 0).double().mean().item() == pytest.approx(0.2, abs=0.015)


def test_upsampling_matrix_is_mirroring_then_the_operator() -> None:
    x = pictures(1, 16)
    padded = torch.nn.functional.pad(x, (5, 7, 0, 0), mode="reflect")
    wanted = upsample2d(padded, setup_filter(r.SYM6)[None, :].double(), up=(2, 1))
    torch.testing.assert_close(x @ r.upsampling(16, 5, 7).t(), wanted)


def test_downsampling_matrix_is_the_operator_without_margins() -> None:
    x = pictures(1, 44)
    taps = setup_filter(r.SYM6)[None, :].double()
    wanted = downsample2d(x, taps, down=(2, 1), padding=(-6, -6, 0, 0), flip_filter=True)
    torch.testing.assert_close(x @ r.downsampling(16).t(), wanted)


def test_mirroring_goes_on_beyond_the_other_end() -> None:
    assert r.mirrored(3, 3, 4).tolist() == [1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
    assert r.mirrored(1, 1, 1).tolist() == [0, 0, 0]


def test_band_filters_sum_to_an_impulse() -> None:
    bank = r.filter_bank()
    impulse = torch.zeros(43)
    impulse[21] = 1
    torch.testing.assert_close(bank.sum(0), impulse, atol=1e-6, rtol=0)


def test_band_matrices_are_the_mirrored_convolution() -> None:
    x, gains = pictures(1, 32), torch.tensor([[2.0, 0.5, 1.5, 0.25]], dtype=DOUBLE)
    taps = (gains @ r.filter_bank().double())[0]
    padded = torch.nn.functional.pad(x, (21, 21, 21, 21), mode="reflect")
    wanted = filter2d(filter2d(padded, taps[None, :]), taps[:, None])[..., 21:-21, 21:-21]
    torch.testing.assert_close(r.filter_bands(x, gains), wanted)


def test_filtering_keeps_the_expected_energy() -> None:
    gains = Pipeline(["imgfilter"]).gains(Chance(50, 1.0, rng()))
    energy = torch.tensor([10, 1, 1, 1], dtype=DOUBLE) / 13
    single = torch.tensor([[1, 3.0, 1, 1]], dtype=DOUBLE)
    single = single / r.root_mean_energy(single, energy)
    assert (single.square() @ energy).item() == pytest.approx(1)
    assert (gains > 0).all()


def test_colour_matrices_keep_what_they_should() -> None:
    grey = torch.ones(3, dtype=DOUBLE)
    angle = torch.tensor([0.3, 2.0], dtype=DOUBLE)
    turned, dull = hue(angle)[:, :3, :3], saturation(angle * 0)[:, :3, :3]
    torch.testing.assert_close(turned @ grey, grey.expand(2, 3))
    torch.testing.assert_close(turned @ turned.mT, torch.eye(3, dtype=DOUBLE).expand(2, 3, 3))
    torch.testing.assert_close(dull, torch.full([2, 3, 3], 1 / 3, dtype=DOUBLE))
    flip = luma_flip(torch.ones(1, dtype=DOUBLE))
    torch.testing.assert_close(flip[0] @ flip[0], torch.eye(4, dtype=DOUBLE))
    torch.testing.assert_close(flip[0, :3, :3] @ grey, -grey)


def test_cutout_blanks_a_quarter_when_it_lies_inside() -> None:
    half = torch.full([2], 0.5, dtype=DOUBLE)
    cut = r.cut(torch.ones(2, 1, 8, 8), half, half, half)
    assert (cut == 0).double().mean().item() == 0.25
    assert (cut[..., 2:6, 2:6] == 0).all()


def test_samples_that_nothing_befell_are_left_alone() -> None:
    x = pictures(64, 8)
    y = Pipeline("bg")(x, Chance(64, 0.1, rng()))
    same = (x == y).flatten(1).all(dim=1).double().mean().item()
    assert 0.4 < same < 0.8  # 0.9 ** 6 = 0.53, and movements by nothing


def test_samples_are_augmented_independently() -> None:
    y = Pipeline("bgcfnc")(pictures(1, 16).expand(6, -1, -1, -1), Chance(6, 1.0, rng()))
    assert all(not torch.equal(y[i], y[j]) for i in range(6) for j in range(i))


@pytest.mark.parametrize("pipeline", ["bgc", "bgcfnc"])
def test_augmentations_are_differentiable_twice(pipeline: str) -> None:
    x = pictures(2, 8).requires_grad_()

    def augmented(images: Tensor) -> Tensor:
        # Squared, since the pipeline itself is linear and its second derivative zero.
        y = Pipeline(pipeline)(images, Chance(len(images), 0.9, rng(3)))
        return (y.square() / 2 + y)[..., ::3, ::3].sum((1, 2, 3))

    assert torch.autograd.gradcheck(augmented, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(augmented, x, fast_mode=True)


@pytest.mark.parametrize("shape", [(2, 3, 24, 16), (2, 1, 8, 8), (1, 3, 4, 4)])
def test_images_of_any_shape_keep_it(shape: tuple[int, ...]) -> None:
    y = Fixed(pipeline="bgcfnc", p=1.0, seed=0)(torch.zeros(shape))
    assert y.shape == shape
    assert y.isfinite().all()


@pytest.mark.parametrize("kind", ["fixed", "ada"])
def test_a_saved_state_continues_the_same_stream(kind: str) -> None:
    def fresh() -> Fixed:
        return ada(p_max=9) if kind == "ada" else Fixed(pipeline="bgc", p=0.5, seed=0)

    first, x = fresh(), pictures().float()
    for _ in range(3):
        first.observe(torch.full([200, 1], 2.0))
        first(x)
    second = fresh()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for _ in range(3):
        assert torch.equal(first(x), second(x))
        for each in (first, second):
            each.observe(torch.full([200, 1], 2.0))
        assert torch.equal(first.p, second.p)


def test_the_state_survives_a_file_that_is_read_safely(tmp_path) -> None:
    first = ada()
    first(pictures().float())
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second = ada()
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(second.get_extra_state(), first.get_extra_state())


def test_the_probability_is_noticed_when_it_changes() -> None:
    augment, x = Fixed(pipeline="bgc", p=0.0, seed=0), pictures().float()
    assert torch.equal(augment(x), x)
    augment.p.fill_(1.0)
    assert not torch.equal(augment(x), x)


def test_the_probability_rises_with_overfitting_and_falls_without() -> None:
    controller = ada()
    for _ in range(4):
        controller.observe(torch.ones(50, 1))
    assert float(controller.p) == pytest.approx(0.2)  # two moves by 100 of 1,000 images
    for _ in range(2):
        controller.observe(-torch.ones(50, 1))
    assert float(controller.p) == pytest.approx(0.1)
    for _ in range(20):
        controller.observe(-torch.ones(50, 1))
    assert float(controller.p) == 0


def test_the_cap_holds_and_may_be_absent() -> None:
    capped, free = ada(), ada(p_max=math.inf)
    for _ in range(60):
        for each in (capped, free):
            each.observe(torch.ones(50, 1))
    assert float(capped.p) == 1
    assert float(free.p) == pytest.approx(3.0)


def test_at_the_target_one_rule_rests_and_the_other_goes_down() -> None:
    at_target = torch.tensor([[1.0]] * 3 + [[-1.0]])  # mean sign 0.5
    for kind, wanted in ((ADA, 0.5), (RosinalityADA, 0.5 - 8 / 1000)):
        controller = ada(kind, target=0.5)
        controller.p.fill_(0.5)
        for _ in range(2):
            controller.observe(at_target)
        assert float(controller.p) == pytest.approx(wanted)


def test_what_augmentation_cannot_do_is_said() -> None:
    with pytest.raises(UserError, match="pipeline 'bgx'"):
        Fixed(pipeline="bgx", p=0.1, seed=0)
    with pytest.raises(UserError, match="augmentation 'flip'"):
        Fixed(pipeline=["flip"], p=0.1, seed=0)
    with pytest.raises(UserError, match="negative"):
        Fixed(pipeline="bgc", p=math.nan, seed=0)
    with pytest.raises(UserError, match="negative"):
        Fixed(pipeline={"hue": -1.0}, p=0.1, seed=0)
    with pytest.raises(UserError, match="kimg"):
        ada(kimg=0)
    with pytest.raises(ValueError, match="images must be"):
        Fixed(pipeline="bgc", p=1.0, seed=0)(torch.zeros(2, 4, 8, 8))


def test_the_named_pipelines_hold_all_sixteen() -> None:
    # Two rotations are one name.
    assert len(PIPELINES["bgc"]) == 12
    assert list(PIPELINES["bgcfnc"]) == ALL
    assert len(ALL) == 15
