"""Metrics of papers: closed forms, other libraries, and the same numbers in another way."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch_fidelity import metric_fid, metric_kid, metric_prc
from torchmetrics.image.kid import KernelInceptionDistance

from benchmarks.harness.evaluation import metrics
from benchmarks.harness.evaluation.extractors import ParaFacesMaps
from benchmarks.harness.evaluation.feature_store import InMemory
from benchmarks.harness.evaluation.gallery import measure
from benchmarks.harness.evaluation.metrics import (
    authenticity,
    frechet_and_kernel,
    frechet_distance,
    gaussian_mmd,
    moments,
    polynomial_mmd,
    precision_recall,
)
from benchmarks.harness.evaluation.metrics.distribution import intercept
from benchmarks.harness.evaluation.metrics.frechet_and_kernel import (
    Normal,
    bootstrap,
    kernel_draws,
    nuclear_norm,
)
from tests.harness.evaluation.test_gallery import Folder, Tinted, World, gallery, weights  # noqa: F401
from tests.harness.evaluation.test_metrics import FirstPixels, as_images


def cloud(seed, n, width, scale=1.0, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, width, generator=generator) * scale + shift


def test_numbers_are_those_of_torch_fidelity_for_the_same_features():
    real, fake = cloud(0, 200, 32), cloud(1, 180, 32, 1.1, 0.1)
    stats = [metric_fid.fid_features_to_statistics(rows.double()) for rows in (real, fake)]
    theirs = metric_fid.fid_statistics_to_metric(*stats, verbose=False)[
        "frechet_inception_distance"
    ]
    ours = frechet_distance(stats[0]["mu"], stats[0]["sigma"], stats[1]["mu"], stats[1]["sigma"])
    assert ours == pytest.approx(theirs, rel=1e-3)
    options = {"prc_neighborhood": 3, "prc_batch_size": 64, "save_cpu_ram": True}
    found = metric_prc.prc_features_to_metric(fake, real, verbose=False, **options)
    own = precision_recall(real, fake, 3)
    assert own == pytest.approx((found["precision"], found["recall"]), rel=1e-3)
    x, y = real[:150].double().numpy(), fake[:150].double().numpy()
    pairs = [(a @ b.T / 32 + 1) ** 3 for a, b in ((x, x), (x, y), (y, y))]
    assert polynomial_mmd(x, y) == pytest.approx(metric_kid.mmd2(*pairs), rel=1e-3)


def test_kernel_distance_is_that_of_torchmetrics_with_the_same_module():
    x, y = cloud(0, 60, 16).double().numpy(), cloud(1, 60, 16, 1.2, 0.3).double().numpy()
    theirs = KernelInceptionDistance(
        feature=FirstPixels(), subsets=1, subset_size=60, normalize=True
    ).set_dtype(torch.float64)
    theirs.update(as_images(x), real=True)
    theirs.update(as_images(y), real=False)
    mean, _ = theirs.compute()
    assert polynomial_mmd(x, y) == pytest.approx(float(mean), rel=1e-3)


def test_an_interval_holds_the_true_distance_about_as_often_as_it_says():
    generator = torch.Generator().manual_seed(0)
    truth = polynomial_mmd(cloud(100, 3000, 8), cloud(101, 3000, 8, 1.0, 0.5))
    held = 0
    for draw in range(30):
        x, y = cloud(2 * draw, 80, 8), cloud(2 * draw + 1, 80, 8, 1.0, 0.5)
        low, high = bootstrap(x, y, 200, generator)
        held += low <= truth <= high
    assert 24 <= held <= 30


def test_more_pictures_make_the_interval_narrower_and_equal_ones_leave_none():
    generator = torch.Generator().manual_seed(0)

    def width(n):
        low, high = bootstrap(cloud(0, n, 8), cloud(1, n, 8, 1, 0.3), 200, generator)
        return high - low

    assert width(400) < 0.7 * width(60)
    one = torch.ones(20, 4)
    low, high = bootstrap(one, 2 * one, 50, generator)
    assert low == pytest.approx(high) == pytest.approx(polynomial_mmd(one, 2 * one))


def test_gaussian_distance_of_two_points_is_its_closed_form(monkeypatch):
    x, y = np.zeros((3, 2)), np.tile([3.0, 4.0], (5, 1))
    expected = 2 - 2 * np.exp(-25 / (2 * 10**2))
    assert gaussian_mmd(x, y, 10) == pytest.approx(expected, rel=1e-12)
    a, b = cloud(0, 40, 6), cloud(1, 30, 6)
    whole = gaussian_mmd(a, b, 2.0)
    monkeypatch.setattr(frechet_and_kernel, "CHUNK", 7)
    assert gaussian_mmd(a, b, 2.0) == pytest.approx(whole, rel=1e-10)
    assert gaussian_mmd(a, a, 2.0) == pytest.approx(0, abs=1e-12)


def test_a_line_over_one_over_n_is_drawn_out_to_its_value_at_infinity():
    sizes = [100, 200, 400, 1000]
    at_infinity, slope = intercept(sizes, [7 + 30 / n for n in sizes])
    assert at_infinity == pytest.approx(7)
    assert slope == pytest.approx(30)


class Rows:
    """An extractor of given features: the gallery's latents and the domain's pictures decide."""

    sha256 = ""

    def __init__(self, features):
        self.name, self.features = "rows", features

    def gallery(self):
        """What metrics ask of a gallery, with these features as streams."""
        return SimpleNamespace(
            features=lambda stream, extractor, head, first=0: self.features[stream],
            has=lambda stream: stream in self.features,
            once=lambda key, make: make(),
        )


@pytest.mark.filterwarnings("ignore:The `disp` argument:DeprecationWarning")
def test_clean_fid_itself_finds_the_same_distance():
    rows = Rows({"reference": cloud(0, 200, 16), "fakes": cloud(1, 180, 16, 1.2, 0.3)})
    ours, theirs = (kind(rows)(rows.gallery()) for kind in (metrics.FD, metrics.CleanFID))
    assert ours.value == pytest.approx(theirs.value, rel=1e-6)
    assert (ours.n, ours.details, ours.better) == (theirs.n, theirs.details, theirs.better)


@pytest.mark.parametrize(("n", "m"), [(60, 50), (12, 50), (12, 9), (60, 16)])
def test_the_distance_of_few_rows_needs_no_covariance(n, m):
    x, y = cloud(0, n, 16).double(), cloud(1, m, 16, 1.2, 0.3).double()
    expected = frechet_distance(*moments(x), *moments(y))
    assert Normal.of(x).distance(Normal.of(y)) == pytest.approx(expected, rel=1e-7)


def test_the_extrapolated_distance_of_equal_distributions_is_nearer_to_zero():
    rows = Rows({"reference": cloud(0, 5000, 24), "fakes": cloud(1, 600, 24)})
    found = metrics.FDInfinity(rows, points=8, least=0.2, seed=0)(rows.gallery())
    assert found.details["slope"] > 0
    assert abs(found.value) < 0.4 * found.details["all_fakes"]
    assert found.details["least"] == 120


def test_copies_of_the_training_rows_are_not_authentic():
    train = cloud(0, 20, 8)
    assert authenticity(train, train.repeat(3, 1) + 1e-3) == 0
    assert authenticity(train, cloud(1, 50, 8, 1, 50)) == 1
    line = torch.tensor([[0.0], [1.0], [5.0]])  # their own neighbours are 1, 1 and 4 away
    assert authenticity(line, torch.tensor([[-0.5], [-2.0], [7.0], [10.0]])) == 0.5


def test_authenticity_of_one_shot_cannot_be_judged():
    one = Rows({"shots": cloud(0, 1, 4), "fakes": cloud(1, 9, 4)})
    assert metrics.AuthPct(one)(one.gallery()).value == 100
    two = Rows({"shots": cloud(0, 2, 4), "fakes": cloud(0, 2, 4), "reference": cloud(1, 9, 4, 9)})
    found = metrics.AuthPct(two)(two.gallery())
    assert found.value == 0
    assert found.details["reference"] > 50


class Linear:
    """Pictures are the styles themselves, so that a path's length is its end points' distance."""

    device = torch.device("cpu")
    source = SimpleNamespace(trained=True, g=SimpleNamespace(z_dim=12))

    def latents(self, z):
        return z[:, None]

    def render(self, ws):
        return ws.double().reshape(-1, 3, 2, 2)


class Squares:
    name, sha256 = "squares", ""

    def distance(self, a, b):
        return (a - b).square().sum((1, 2, 3))


@pytest.mark.parametrize("place", ["end", "full"])
def test_the_path_length_of_a_linear_generator_is_the_distance_of_its_styles(place):
    metric = metrics.PerceptualPathLength(Squares(), samples=50, epsilon=1e-4, place=place, seed=1)
    shown = SimpleNamespace(adapter=Linear(), together=7)
    generator = torch.Generator().manual_seed(1)
    first, last = torch.randn(50, 2, 12, generator=generator).unbind(1)
    exact = (first - last).square().sum(1).sort().values
    found = metric(shown)
    assert found.n == 50
    assert found.details["median"] == pytest.approx(float(exact[24]), rel=1e-3)
    assert found.value == pytest.approx(float(exact.mean()), rel=1e-3)  # 50 steps lose none


class Alike:
    """Cosines between the rows of a picture."""

    name, sha256 = "alike", ""

    def prepare(self, images):
        return images

    def self_similarity(self, images):
        unit = torch.nn.functional.normalize(images.flatten(1).unflatten(1, (6, -1)), dim=2)
        return unit @ unit.mT


def test_structure_is_kept_by_an_unadapted_generator_and_by_no_other():
    metric = metrics.StructureDistance(Alike(), samples=14)
    same = metric(gallery(Tinted(trained=True, tint=0.0), World()))
    assert same.value == 0 < same.details["floor"]
    assert same.n == 14
    changed = metric(gallery(Tinted(trained=True, tint=0.6), World()))
    assert 0 < changed.value < changed.details["floor"]


def test_perceptual_metrics_do_not_depend_on_whether_maps_are_kept(weights):  # noqa: F811
    maps = ParaFacesMaps(weights=weights)
    shown = gallery(Tinted(trained=True, tint=0.2), World(), store=InMemory())
    found = measure(shown, {
        "intra": metrics.IntraCluster(maps, samples=20, cap=6, seed=0),
        "intra by maps": metrics.IntraClusterMaps(maps, samples=20, cap=6, seed=0),
        "nearest": metrics.NearestShot(maps, samples=20),
        "nearest by maps": metrics.NearestShotMaps(maps, samples=20),
    }).measures  # fmt: skip
    for name in ("intra", "nearest"):
        ours, other = found[name], found[f"{name} by maps"]
        assert other.value == pytest.approx(ours.value, rel=2e-3)
        assert other.details == pytest.approx(ours.details, rel=2e-3, abs=1e-3)


def test_pairs_are_different_pictures_and_the_source_is_its_own_neighbour(weights):  # noqa: F811
    maps = ParaFacesMaps(weights=weights)
    pairwise = metrics.Pairwise(maps, samples=20, pairs=500, seed=0)
    i, j = pairwise.random_pairs(20)
    assert (i != j).all()
    assert len(set(zip(i.tolist(), j.tolist(), strict=True))) > 200
    same = gallery(Tinted(trained=True, tint=0.0), World())
    found = metrics.NearestSource(maps, samples=10)(same)
    assert found.value == 0 < found.details["floor"]
    assert found.details["copies"] == 1
    spread = metrics.Pairwise(maps, samples=20, pairs=40, seed=0)(same)
    assert spread.value > 0
    assert spread.details["reference"] > 0
    collapsed = Tinted(trained=True, tint=0.0)
    shots = Folder().shots[:1]
    collapsed.sample = lambda z: shots.expand(len(z), -1, -1, -1)
    assert metrics.Pairwise(maps, samples=20, pairs=40, seed=0)(
        gallery(collapsed, Folder())
    ).value == pytest.approx(0, abs=1e-6)


def test_a_face_that_is_not_found_counts_as_nobody():
    people = torch.eye(4)
    seen = torch.tensor([1.0, 1.0, 1.0, 0.0])
    stream = {"identity": people * seen[:, None], "found": seen}
    known = {"identity": people, "found": torch.ones(4)}
    others = {"identity": people.roll(1, 0), "found": torch.ones(4)}
    streams = {"fakes": stream, "sources": known, "others": others}
    shown = SimpleNamespace(features=lambda name, extractor, head: streams[name][head])
    found = metrics.DetectedIdentity(SimpleNamespace(name="any"))(shown)
    assert found.value == 0.75
    assert found.details["where_found"] == 1
    assert found.details["found_fakes"] == found.details["rank1"] == 0.75
    assert found.details["found_sources"] == 1
    assert found.details["floor"] == 0


def test_recognition_counts_whose_true_picture_is_the_nearest_of_all():
    people = torch.eye(4)
    drawn = people[[0, 1, 3, 2]]  # the last two are taken for one another
    faces = {
        "stylised": (drawn, torch.tensor([1.0, 0.0, 1.0, 1.0])),  # the second is not found
        "translated": (people, torch.ones(4)),
        "photos": (people, torch.ones(4)),
    }
    streams = {name: {"identity": rows, "found": seen} for name, (rows, seen) in faces.items()}
    shown = SimpleNamespace(features=lambda name, extractor, head: streams[name][head])
    found = metrics.Recognition(SimpleNamespace(name="any"))(shown)
    assert found.value == 0.25
    assert found.n == 4
    assert found.details["photo"] == found.details["found_truth"] == 1
    assert found.details["chance"] == 0.25
    assert found.details["cosine"] == 0.5
    assert found.details["floor"] == 0.25  # the fourth looks like the third, its neighbour
    assert found.details["found_stylised"] == 0.75


@pytest.mark.parametrize(
    ("shift", "offset", "unit"),
    [(0.03, 0, False), (0.001, 0, False), (0.03, 10, False), (0.03, 0, True)],
)
def test_a_kernel_distance_in_single_precision_has_its_digits(shift, offset, unit):
    generator = torch.Generator().manual_seed(0)
    # As Inception's pooled features: not negative, all with the same sign of mean; or CLIP's.
    x, y = (torch.randn(2, 500, 2048, generator=generator) * 0.4 + 0.2).relu() + offset
    y = y * (1 + shift) + shift
    x, y = (F.normalize(rows) if unit else rows for rows in (x, y))
    draws = kernel_draws(x, y, 1, 500, generator)
    assert float(draws) == pytest.approx(polynomial_mmd(x, y), rel=1e-6, abs=1e-9)


def test_subsets_that_share_pairs_are_those_that_do_not(monkeypatch):
    monkeypatch.setattr(frechet_and_kernel, "BLOCK", 32)
    x, y = cloud(0, 70, 8).double(), cloud(1, 50, 8, shift=0.1).double()

    def draws(subsets, size):
        return kernel_draws(x, y, subsets, size, torch.Generator().manual_seed(0))

    alone, together = draws(2, 20), draws(20, 20)
    torch.testing.assert_close(alone, together[:2], rtol=1e-9, atol=0)
    generator = torch.Generator().manual_seed(0)
    first = [torch.randperm(len(rows), generator=generator)[:20] for rows in (x, y)]
    by_hand = polynomial_mmd(x[first[0]], y[first[1]])
    assert float(alone[0]) == pytest.approx(by_hand, rel=1e-9)


def test_a_nuclear_norm_is_the_sum_of_singular_values_however_small_they_are():
    rows = cloud(0, 30, 20).double()
    left, right = (torch.linalg.qr(cloud(seed, 20, 20).double()).Q for seed in (1, 2))
    graded = torch.logspace(0, -12, 20, dtype=torch.float64)  # their squares are lost in rounding
    for matrix in (
        rows,
        rows.mT,
        (left * graded.sqrt()) @ right,
        (left * graded) @ right,
        rows[:, :1] @ rows[:1],
        torch.zeros(3, 3).double(),
    ):
        exact = float(torch.linalg.svdvals(matrix).sum())
        assert float(nuclear_norm(matrix)) == pytest.approx(exact, rel=1e-10)


def test_a_covariance_is_exactly_symmetric():
    rows = cloud(0, 60, 50, shift=3)
    mean, sigma = moments(rows)
    np.testing.assert_allclose(mean, rows.double().numpy().mean(0), rtol=1e-12)
    np.testing.assert_allclose(sigma, np.cov(rows.double().numpy().T), rtol=1e-9, atol=1e-12)
    assert torch.equal(sigma, sigma.mT)


@pytest.mark.parametrize("decades", [3, 6, 9, 11, 13])
def test_a_covariance_of_any_spectrum_is_halved_exactly(decades):
    generator = torch.Generator().manual_seed(decades)
    axes = torch.linalg.qr(torch.randn(60, 60, generator=generator, dtype=torch.float64)).Q
    one = torch.logspace(0, -decades, 60, dtype=torch.float64)
    other = one[torch.randperm(60, generator=generator)]
    mean = torch.zeros(60)
    found = frechet_distance(mean, axes * one @ axes.mT, mean, axes * other @ axes.mT)
    assert found == pytest.approx(float((one.sqrt() - other.sqrt()).square().sum()), rel=1e-9)
