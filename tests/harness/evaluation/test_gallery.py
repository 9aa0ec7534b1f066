from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks import parafaces
from benchmarks.harness.data.domains.base import Domain, Pictures
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.evaluation import metrics
from benchmarks.harness.evaluation.extractors import ParaFaces, ParaFacesMaps
from benchmarks.harness.evaluation.feature_store import OnDisk
from benchmarks.harness.evaluation.gallery import Gallery, measure, together
from benchmarks.harness.evaluation.measure import Measure
from benchmarks.harness.evaluation.metrics.correspondence import GeometricMap
from benchmarks.harness.io.contact_sheet import to_uint8
from core.errors import UserError
from core.networks.perception import Perception, load, save
from core.source import Source, random_source
from tests.core.networks.test_perception import SMALL

SIDE = 16


def invert(generator: torch.nn.Module, photos: Tensor) -> Tensor:
    return generator.mapping(photos.flatten(1)[:, :8])


def tiny() -> Source:
    return random_source(
        name="tiny", resolution=SIDE, seed=0, invert=invert, z_dim=8, w_dim=8, mapping_layers=1,
        channels={4: 8, 8: 8, 16: 8}, mbstd_group=2,
    )  # fmt: skip


class Tinted:
    """The source's pictures, a little redder."""

    device = torch.device("cpu")

    def __init__(self, *, trained: bool, tint: float) -> None:
        self.source = tiny()
        self.source.trained = trained
        self.tint = tint
        self.drawn = 0

    def sample(self, z: Tensor) -> Tensor:
        self.drawn += len(z)
        return self.render(self.source.g.mapping(z))

    def render(self, ws: Tensor) -> Tensor:
        tint = torch.tensor([self.tint, 0.0, 0.0]).view(1, 3, 1, 1)
        return (self.source.g.synthesis(ws) + tint).clamp(-1, 1)

    def stylise(self, photos: Tensor) -> Tensor:
        return self.render(self.source.invert(photos))


class Folder:
    """What a folder of pictures knows: its shots."""

    resolution = SIDE
    has_reference = False

    def __init__(self) -> None:
        self.shots = torch.rand(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) - 0.5

    def streamed(self, device: torch.device) -> Tensor:
        return self.shots.to(device)


class World(Folder):
    """What a rendered domain knows: everything."""

    has_reference = True

    def pictures(self, seed: int, n: int) -> Pictures:
        generator = torch.Generator().manual_seed(seed)
        return Pictures(to_uint8(torch.rand(n, 3, SIDE, SIDE, generator=generator) * 2 - 1), 7)

    def reference(self) -> Pictures:
        return self.pictures(1, 30)

    def photos(self) -> Pictures:
        return self.pictures(2, 20)

    def translations(self) -> Pictures:
        return self.pictures(2, 20)

    def landmark_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        photo = np.random.default_rng(0).uniform(0, SIDE, (200, 2, 2)).astype(np.float32)
        return photo, photo

    def translation_landmarks(self) -> np.ndarray:
        return np.full((20, 2, 2), SIDE / 2, np.float32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save(Perception(**{**SMALL, "resolution": 32}), path, {})
    return str(path)


def gallery(adapter: Tinted, domain: Folder, **changes: object) -> Gallery:
    settings = {"samples": 24, "photos": 10, "seed": 3, "batch_size": 5, **changes}
    return Gallery(adapter, domain, **settings)


def every_metric(weights: str) -> dict:
    reader, maps = ParaFaces(weights=weights), ParaFacesMaps(weights=weights)
    return {
        "kid": metrics.KID(reader, subsets=5, subset_size=10, seed=0),
        "fd": metrics.FD(reader),
        "precision": metrics.Precision(reader, k=3),
        "recall": metrics.Recall(reader, k=3),
        "density": metrics.Density(reader, k=3),
        "coverage": metrics.Coverage(reader, k=3),
        "intra": metrics.IntraCluster(maps, samples=20, cap=6, seed=0),
        "identity": metrics.Identity(reader),
        "nearest_shot": metrics.NearestShot(maps, samples=20),
        "landmarks": metrics.Landmarks(reader, ridge=1.0),
        "translation": metrics.Translation(maps, reader=reader),
    }


def test_every_metric_is_taken_where_everything_is_known(weights: str) -> None:
    seen: list[tuple[int, int, str]] = []
    shown = gallery(Tinted(trained=True, tint=0.2), World(), progress=lambda *w: seen.append(w))
    result = measure(shown, every_metric(weights))
    assert set(result.measures) == set(every_metric(weights))
    assert result.left_out == {}
    assert all(m.better in ("lower", "higher") for m in result.measures.values())
    check_progress(seen)


def tell(seen: list[tuple[int, int, str]]) -> Callable[..., None]:
    return lambda *words: seen.append(words)


def check_progress(seen: list[tuple[int, int, str]], *, whole: bool = True) -> None:
    """One total from the first word on, which counting reaches before the last."""
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert {total for _, total, _ in seen} == {seen[-1][1]}
    assert seen[0][0] == 0 < seen[-1][1]
    assert seen[-1][0] == seen[-1][1]
    assert not whole or seen[-2][0] == seen[-1][1]
    assert seen[-1][2] == "done"


class Stateful(Tinted):
    """One whose pictures a disk can keep."""

    def state_dict(self) -> dict[str, Tensor]:
        return self.source.g.state_dict()


@pytest.mark.parametrize("disk", [False, True])
@pytest.mark.parametrize("changes", [{"samples": 8}, {"photos": 0}])
def test_the_bar_knows_its_total_before_it_starts(
    weights: str, tmp_path: Path, changes: dict[str, Any], disk: bool
) -> None:
    if disk:
        changes = changes | {"store": OnDisk(folder=str(tmp_path))}
    maps = ParaFacesMaps(weights=weights)
    more = {
        "kept": metrics.IntraClusterMaps(maps, samples=12, cap=4, seed=0),
        "near": metrics.NearestShotMaps(maps, samples=12),
        "pairs": metrics.Pairwise(maps, samples=8, pairs=5, seed=0),
        "copies": metrics.AuthPct(ParaFaces(weights=weights)),
        "whole": metrics.NearestShot(maps, samples=1000),
    }
    for again in (False, True):  # from a disk nothing is made again
        seen: list[tuple[int, int, str]] = []
        adapter = Stateful(trained=True, tint=0.2)
        shown = gallery(adapter, World(), progress=tell(seen), **changes)
        measure(shown, every_metric(weights) | more)
        check_progress(seen, whole=not (disk and again))


@pytest.mark.parametrize(
    ("side", "device", "held"),
    [(16, "cpu", 64), (64, "cpu", 64), (128, "cpu", 16), (256, "cpu", 4), (1024, "cpu", 1),
     (256, "cuda", 64), (1024, "cuda", 4), (256, "mps", 4)],
)  # fmt: skip
def test_larger_pictures_are_held_fewer_at_a_time(side: int, device: str, held: int) -> None:
    assert together(64, side, torch.device(device)) == held


def test_no_batch_of_a_gallery_is_larger_than_what_is_held() -> None:
    class Large(World):
        resolution = 256

    shown = gallery(Tinted(trained=True, tint=0.0), Large(), batch_size=32)
    held = {len(batch) for name in ("fakes", "shots", "stylised") for batch in shown.images(name)}
    assert held == {2}
    assert {len(batch) for batch in shown.some("fakes", torch.arange(5))} == {2, 1}


def test_a_folder_gets_what_it_allows_and_a_sentence_for_the_rest(weights: str) -> None:
    result = measure(gallery(Tinted(trained=True, tint=0.2), Folder()), every_metric(weights))
    assert set(result.measures) == {"intra", "identity", "nearest_shot"}
    assert result.left_out["kid"] == "the data have no held-out reference pictures."
    assert "geometric map" in result.left_out["landmarks"]


def test_an_untrained_source_is_not_compared_with(weights: str) -> None:
    result = measure(gallery(Tinted(trained=False, tint=0.2), World()), every_metric(weights))
    assert {"identity", "landmarks", "translation"} == set(result.left_out)
    assert "no trained source" in result.left_out["identity"]


def test_pictures_and_features_are_made_once(weights: str) -> None:
    adapter = Tinted(trained=True, tint=0.2)
    measure(gallery(adapter, World()), every_metric(weights))
    assert adapter.drawn == 24


def test_the_same_gallery_gives_the_same_numbers_whatever_the_global_seed(weights: str) -> None:
    results = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        results.append(measure(gallery(Tinted(trained=True, tint=0.1), World()),
                               every_metric(weights)))  # fmt: skip
    assert results[0] == results[1]


def test_many_shots_are_floats_only_batch_by_batch() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (23, 8, 8, 3), dtype=np.uint8)

    class Many(Domain):
        def training(self) -> np.ndarray:
            return pixels

    many = Many(resolution=8, images=0, batch_size=1, seed=0, xflip=False)
    shown = gallery(Tinted(trained=True, tint=0.0), many)
    assert shown.has("shots")
    assert (shown.pictures("shots") == pixels).all()
    assert torch.equal(torch.cat(list(shown.images("shots"))), as_images(pixels))
    assert shown.origin("shots")["n"] == 23
    assert "shots" not in vars(many)


def test_streams_hold_the_pictures_they_name() -> None:
    shown = gallery(Tinted(trained=True, tint=0.0), World())
    assert np.array_equal(shown.pictures("fakes"), shown.pictures("sources"))
    assert np.array_equal(shown.pictures("others")[1:], shown.pictures("sources")[:-1])
    assert len(shown.pictures("reference")) == 30
    assert len(shown.pictures("photos")) == len(shown.pictures("stylised")) == 10
    assert [len(b) for b in shown.images("fakes", first=12)] == [5, 5, 2]
    z = shown.z()
    assert torch.equal(z, gallery(Tinted(trained=True, tint=0.5), Folder()).z())


def test_an_unadapted_generator_keeps_identity_and_landmarks(weights: str) -> None:
    shown = gallery(Tinted(trained=True, tint=0.0), World())
    found = measure(shown, every_metric(weights)).measures
    assert found["identity"].value == pytest.approx(1)
    assert found["identity"].details["rank1"] == 1
    assert found["identity"].details["floor"] < 1
    assert found["landmarks"].value == pytest.approx(0, abs=1e-9)
    assert found["landmarks"].details["map_residual"] == pytest.approx(0, abs=1e-9)


def test_a_generator_that_copies_its_shots_is_found_out(weights: str) -> None:
    adapter, world = Tinted(trained=True, tint=0.2), World()
    adapter.sample = lambda z: world.shots[: len(z)].repeat(2, 1, 1, 1)[: len(z)]  # type: ignore[method-assign]
    names = ("nearest_shot", "intra", "recall")
    wanted = {name: every_metric(weights)[name] for name in names}
    found = measure(gallery(adapter, world), wanted).measures
    assert found["nearest_shot"].value == pytest.approx(0, abs=1e-4)
    assert found["nearest_shot"].details["copies"] == 1
    assert found["intra"].value == pytest.approx(0, abs=1e-4)


def test_the_network_that_guides_losses_may_not_measure() -> None:
    with pytest.raises(UserError, match="never measures"):
        ParaFaces(weights="guide")


def test_kid_says_which_subsets_it_could_use(weights: str) -> None:
    reader = ParaFaces(weights=weights)
    metric = metrics.KID(reader, subsets=3, subset_size=500, seed=0)
    found = metric(gallery(Tinted(trained=True, tint=0.2), World()))
    assert found.details["subset_size"] == 24
    assert found.n == 24
    assert found.details.keys() == {"std", "subsets", "subset_size", "reference", "source"}
    untinted = metric(gallery(Tinted(trained=True, tint=0), World()))
    assert found.details["source"] == untinted.value == untinted.details["source"] < found.value


def test_a_measure_is_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        Measure(float("nan"), "lower", 1)
    assert partial(Measure, 1.0, "lower")(3).n == 3


def test_a_linear_and_a_quadratic_deformation_are_learnt_from_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    pose = torch.randn(800, 2, generator=generator, dtype=torch.float64)
    basis = torch.randn(2, 12, generator=generator, dtype=torch.float64)
    photo = 32 + 4 * (pose @ basis).view(800, 6, 2)
    target = photo + 0.3 * (photo - 32) + pose[:, :1, None].square()
    found = GeometricMap(photo, target, ridge=1e-6)
    assert found.residual < 1e-3
    assert GeometricMap(photo, photo, ridge=1.0).residual < 1e-12
    target[::5] += torch.tensor([3.0, 4.0])  # every fifth pair is held out, and five pixels off
    spoilt = GeometricMap(photo, target, ridge=1e-6)
    assert abs(spoilt.residual - 5) < 1e-3
    torch.testing.assert_close(spoilt.weights, found.weights)


def test_the_shipped_weights_are_read_from_the_package(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not at"):
        ParaFaces(weights=str(tmp_path / "absent.safetensors"))


class Truth:
    """An adapter that cannot be beaten: the domain's own pictures of the people of the photos."""

    device = torch.device("cpu")

    def __init__(self, photos: np.ndarray, pictures: np.ndarray) -> None:
        self.photos, self.pictures = iter(as_images(photos)), iter(as_images(pictures))
        self.styled = iter(as_images(pictures))
        self.source = SimpleNamespace(trained=True, g=self)
        self.z_dim = 1

    def __call__(self, z: Tensor) -> Tensor:
        return torch.stack([next(self.photos) for _ in z])

    def sample(self, z: Tensor) -> Tensor:
        return torch.stack([next(self.pictures) for _ in z])

    def stylise(self, photos: Tensor) -> Tensor:
        return torch.stack([next(self.styled) for _ in photos])


def test_the_truth_scores_as_the_truth() -> None:
    first, n = 58_000_000, 40
    who = {
        name: parafaces.parameters(np.arange(start, start + n), np.zeros(n, np.int64))
        for name, start in (("shown", first), ("others", first + n))
    }
    photos = parafaces.render(who["shown"], "photo", 64).images
    truth = parafaces.render(who["shown"], "webtoon", 64)
    others = parafaces.render(who["others"], "webtoon", 64).images

    class Webtoon(World):
        resolution = 64
        shots = as_images(others[:4])

    world = Webtoon()
    world.reference = lambda: as_images(others).split(20)
    world.photos = lambda: as_images(photos).split(20)
    world.translations = lambda: as_images(truth.images).split(20)
    world.translation_landmarks = lambda: truth.landmarks
    pairs = parafaces.parameters(np.arange(300) + 57_000_000, np.zeros(300, np.int64))
    world.landmark_pairs = lambda: tuple(
        parafaces.landmarks(pairs, style, 64) for style in ("photo", "webtoon")
    )
    reader, maps = ParaFaces(weights="measure"), ParaFacesMaps(weights="measure")
    wanted = {
        "kid": metrics.KID(reader, subsets=1, subset_size=n, seed=0),
        "identity": metrics.Identity(reader),
        "landmarks": metrics.Landmarks(reader, ridge=1.0),
        "translation": metrics.Translation(maps, reader=reader),
    }
    shown = gallery(Truth(photos, truth.images), world, samples=n, photos=n)
    found = measure(shown, wanted).measures
    assert abs(found["kid"].value) < 0.005
    assert found["identity"].value > 0.8 > 0.6 > found["identity"].details["floor"]
    assert found["landmarks"].value < 0.8 < 2 < found["landmarks"].details["floor"]
    assert found["landmarks"].details["map_residual"] < 0.15
    assert found["translation"].value == 0
    assert found["translation"].details["landmarks"] < 0.8
    untouched = measure(gallery(Truth(photos, photos), world, samples=n, photos=n), wanted).measures
    assert untouched["kid"].value > 0.05
    assert untouched["landmarks"].value > found["landmarks"].value + 0.3


@pytest.mark.parametrize(
    ("few", "told"),
    [
        ({"samples": 1}, {"kid": "at least 2 samples", "fd": "at least 2", "precision": "k=3"}),
        ({"samples": 3}, {"recall": "k=3 needs more than 3 samples, and fake has 3."}),
        ({"photos": 1}, {"translation": "at least 2 held-out people, not 1."}),
        ({"photos": 0}, {"translation": "there are no held-out photos"}),
    ],
)
def test_what_too_few_pictures_allow_is_measured_and_the_rest_left_out(weights, few, told) -> None:
    wanted = every_metric(weights)
    result = measure(gallery(Tinted(trained=True, tint=0.2), World(), **few), wanted)
    assert "nearest_shot" in result.measures
    assert set(result.measures) | set(result.left_out) == set(wanted)
    for name, sentence in told.items():
        assert sentence in result.left_out[name]


def test_few_pairs_of_landmarks_leave_one_metric_out(weights: str) -> None:
    class Few(World):
        def landmark_pairs(self) -> tuple[np.ndarray, np.ndarray]:
            return tuple(side[:5] for side in super().landmark_pairs())

    result = measure(gallery(Tinted(trained=True, tint=0.2), Few()), every_metric(weights))
    assert result.left_out == {"landmarks": "a geometric map needs at least 10 pairs, not 5."}


class SmallWorld(World):
    """The same with few pictures of everything."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def pictures(self, seed: int, n: int) -> Pictures:
        return super().pictures(seed, self.count)

    def translation_landmarks(self) -> np.ndarray:
        return super().translation_landmarks()[: self.count]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("fakes", [1, 2, 3])
@pytest.mark.parametrize("reals", [1, 2, 3])
def test_of_few_pictures_there_is_a_true_number_or_a_reason(weights: str, fakes, reals) -> None:
    reader, maps = ParaFaces(weights=weights), ParaFacesMaps(weights=weights)
    kid = {"subsets": 1, "subset_size": 10, "seed": 0}
    wanted = every_metric(weights) | {
        "interval": metrics.KIDInterval(reader, resamples=1000, **kid),
        "infinity": metrics.FDInfinity(reader, points=5, least=0.2, seed=0),
        "pairwise": metrics.Pairwise(maps, samples=10, pairs=1, seed=0),
        "nearest_source": metrics.NearestSource(maps, samples=10),
        "authpct": metrics.AuthPct(reader),
    }
    shown = gallery(Tinted(trained=True, tint=0.2), SmallWorld(reals), samples=fakes)
    found = measure(shown, wanted)
    assert {*found.measures, *found.left_out} == set(wanted)
    if fakes == 1:
        assert "no shot has two pictures" in found.left_out["intra"]
        for one in found.measures.values():
            about_others = {"std", "floor", "rank1", "std_over_clusters"}
            assert one.n > 1 or not about_others & set(one.details)
    if min(fakes, reals) < 2:
        assert "at least 2" in found.left_out["kid"]
    else:
        assert "low" not in found.measures["interval"].details
        assert "std" not in found.measures["interval"].details  # of one subset
        assert any("no interval" in note for note in shown.notes)
    if "intra" in found.measures and fakes < 4:  # one shot at most has two of three
        assert "std_over_clusters" not in found.measures["intra"].details


def test_a_copy_of_the_guide_may_not_measure_either(tmp_path: Path) -> None:
    save(load("guide"), tmp_path / "mine.safetensors", {"note": "another file"})
    with pytest.raises(UserError, match="never measures"):
        ParaFaces(weights=str(tmp_path / "mine.safetensors"))
    (tmp_path / "none.safetensors").write_bytes(b"{}")
    with pytest.raises(UserError, match="holds no perception network"):
        ParaFaces(weights=str(tmp_path / "none.safetensors"))
