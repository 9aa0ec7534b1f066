import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks import assets, parafaces
from benchmarks.harness.assets.accuracy import accuracy, means, r_squared
from benchmarks.harness.assets.augmentation import FaceAugmentation
from benchmarks.harness.assets.faces import Faces
from benchmarks.harness.assets.perception import AngularMargin, Recipe, train
from benchmarks.harness.config.files import resolved, with_words
from benchmarks.harness.data.pictures import as_images
from core.networks import perception
from core.networks.perception import Perception
from core.paths import ASSETS, CONF, ROOT
from tests.core.networks.test_perception import SMALL

NONE = {"shift": 0.0, "zoom": 0.0, "gain": 0.0, "bias": 0.0, "saturation": 0.0, "blur": 0.0,
        "noise": 0.0}  # fmt: skip
LOSS = {"landmarks": 10.0, "hidden": 0.3, "attributes": 1.0, "identity": 1.0, "domain": 0.2,
        "quality": 0.1}  # fmt: skip


def discs(people: int, pictures: int) -> Faces:
    """Each person is a colour; a picture is a disc somewhere, on light or on dark ground."""
    rng = np.random.default_rng(0)
    person, picture = np.repeat(np.arange(people), pictures), np.tile(np.arange(pictures), people)
    centre = rng.uniform(16, 48, (len(person), 2))
    colour = rng.uniform(0, 255, (people, 3))[person]
    y, x = np.mgrid[:64, :64] + 0.5
    inside = np.hypot(x - centre[:, :1, None], y - centre[:, 1:, None]) < 9
    pixels = [
        np.where(inside[..., None], colour[:, None, None], ground).astype(np.uint8)
        for ground in (30, 220)
    ]
    landmarks = np.stack([centre, centre], 1).astype(np.float32)
    visible = np.ones((len(person), 2), bool)
    parameters = np.c_[centre / 64, colour[:, :1] / 255].astype(np.float32)
    return Faces(pixels, [landmarks] * 2, [visible] * 2, parameters, person, picture)


def trained(images: int) -> dict[str, float]:
    torch.manual_seed(0)
    network = Perception(**SMALL)
    recipe = Recipe(images, 24, 5e-3, 0.0, 0.1, False, 0.1, 10.0, LOSS)
    train(network, discs(12, 4), recipe, FaceAugmentation(**NONE), seed=1)
    return means(accuracy(network, discs(12, 4), {"all": slice(0, 3)}))


def test_training_finds_the_discs() -> None:
    found = trained(1440)
    assert found["landmark_px"] < 3
    assert found["domain_accuracy"] > 0.9
    assert found["identity_auc"] > 0.7


def test_training_repeats_itself() -> None:
    assert trained(120) == trained(120)


def test_a_batch_holds_what_is_known_of_each_picture() -> None:
    faces = discs(3, 2)
    known = faces.batch(np.array([1, 6 + 4]))
    assert len(faces) == 12
    assert known["person"].tolist() == [0, 2]
    assert known["domain"].tolist() == [0, 1]
    assert known["images"].shape == (2, 3, 64, 64)
    corner = known["images"][:, 0, 0, 0]
    torch.testing.assert_close(corner, torch.tensor([30, 220]) / 127.5 - 1)


def test_explained_variance_is_one_for_the_truth_and_zero_for_the_mean() -> None:
    true = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    true[:, 1] = 3
    assert r_squared(true, true).tolist() == [1, 0]
    assert float(r_squared(true.mean(0).expand(50, 2), true)[0]) == pytest.approx(0, abs=1e-6)


def test_the_margin_makes_the_right_person_harder_and_no_other() -> None:
    identity = torch.nn.functional.normalize(torch.randn(6, 4), dim=1)
    person = torch.arange(6)
    losses = []
    for margin in (0.0, 0.3):
        head = AngularMargin(people=6, width=4, margin=margin, scale=8.0)
        head.centres.data.copy_(identity)
        losses.append(head(identity, person).item())
    # Every face lies on its centre: the cosine falls from 1 to cos 0.3.
    cosine = identity @ identity.T
    wanted = 8 * (cosine - torch.diag(cosine.diag()) + torch.eye(6) * math.cos(0.3))
    expected = torch.nn.functional.cross_entropy(wanted, person)
    assert losses[1] == pytest.approx(float(expected), abs=1e-2)
    assert losses[1] > losses[0]


def spot(side: int, x: int, y: int) -> tuple[Tensor, Tensor]:
    images = -torch.ones(8, 3, side, side)
    images[:, :, y : y + 2, x : x + 2] = 1
    return images, torch.tensor([[[x + 1.0, y + 1.0]]]).repeat(8, 1, 1)


def test_landmarks_move_with_the_picture() -> None:
    images, landmarks = spot(32, 12, 20)
    nuisance = FaceAugmentation(**{**NONE, "shift": 3.0, "zoom": 0.1})
    moved, where, amount = nuisance(images, landmarks, torch.Generator().manual_seed(0))
    light = moved.mean(1) + 1
    steps = torch.arange(32) + 0.5
    x = (light.sum(1) * steps).sum(1) / light.sum((1, 2))
    y = (light.sum(2) * steps).sum(1) / light.sum((1, 2))
    torch.testing.assert_close(torch.stack([x, y], 1), where[:, 0], atol=0.1, rtol=0)
    assert (where - landmarks).abs().amax() > 1
    assert amount.shape == (8, 2)


def test_no_nuisance_leaves_the_picture() -> None:
    images, landmarks = spot(32, 12, 20)
    same, where, _ = FaceAugmentation(**NONE)(images, landmarks, torch.Generator().manual_seed(0))
    torch.testing.assert_close(same, images, atol=1e-5, rtol=0)
    torch.testing.assert_close(where, landmarks)


def test_blur_and_noise_are_told() -> None:
    images, landmarks = spot(32, 12, 20)
    blurred, _, amount = FaceAugmentation(**{**NONE, "blur": 2.0})(
        images, landmarks, torch.Generator().manual_seed(0)
    )
    peak = blurred.amax((1, 2, 3))
    order = amount[:, 0].argsort()
    assert (peak[order].diff() <= 1e-5).all()


def test_the_rate_rises_then_falls_to_zero() -> None:
    recipe = Recipe(100, 1, 1.0, 0.0, 0.25, False, 0.1, 1.0, LOSS)
    rates = [recipe.rate(share) for share in (0.125, 0.25, 0.625, 1.0)]
    assert rates == pytest.approx([0.5, 1.0, 0.5, 0.0])


@pytest.mark.parametrize(
    ("word", "said"), [("which=judge", "measure, guide"), ("trainig.images=3", "trainig")]
)
def test_a_mistake_on_the_command_line_is_one_sentence(
    word: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert assets.main(["perception", word]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


RECORDS = sorted((ROOT / "results" / "perception").glob("*.json"))


def test_the_network_that_measures_and_the_guide_share_no_people() -> None:
    """As the yaml has them, and as the shipped ones were trained."""
    which = ("measure", "guide")
    asked = [resolved(with_words(CONF / "perception.yaml", [f"which={word}"])) for word in which]
    shipped = [json.loads((ROOT / f"results/perception/{word}.json").read_text()) for word in which]
    for measure, guide in (asked, [record["config"] for record in shipped]):
        parts = measure["people"], guide["people"], measure["held_out"]
        people = [{*range(part["first"], part["first"] + part["count"])} for part in parts]
        assert sum(map(len, people)) == len(set().union(*people))
        assert people[0] | people[1] <= {*parafaces.PEOPLE["perception"]}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_belongs_to_the_shipped_weights(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    weights = ASSETS / f"perception_{path.stem}.safetensors"
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == found["sha256"]
    assert weights.stat().st_size == found["bytes"] <= 4 * 2**20
    assert set(found["accuracy"]) == set(found["config"]["domains"])


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_recorded_landmark_error_is_found_again_on_other_people(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    who = np.arange(59_000_000, 59_000_030)
    shown = parafaces.render(parafaces.parameters(who, np.zeros_like(who)), "photo", 64)
    seen = perception.load(path.stem)(as_images(shown.images)).landmarks
    errors = (seen - torch.from_numpy(shown.landmarks)).norm(dim=2)
    error = float(errors[torch.from_numpy(shown.visible)].mean())
    assert error == pytest.approx(found["accuracy"]["photo"]["landmark_px"], rel=0.25)
