"""Pictures beside the true ones: closed forms, and that each fault moves the right number."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks import parafaces
from benchmarks.harness.evaluation import metrics
from benchmarks.harness.evaluation.extractors import ParaFacesMaps
from benchmarks.harness.evaluation.gallery import measure
from benchmarks.harness.evaluation.metrics.truth import REGIONS, Compared, named, smoothed
from core.source import Source
from tests.harness.evaluation.test_gallery import Folder, Tinted, gallery

PEOPLE = parafaces.parameters(np.arange(8), np.zeros(8, int))
GLASSES = parafaces.INDEX["glasses"]
PEOPLE[:, GLASSES] = [0, 1] * 4
PEOPLE[:, parafaces.INDEX["gaze_x"]] = [0.3, -0.3] * 4
TONES = {"light": (0.0, 0.3), "dark": (0.3, 1.0)}
COLOURS = metrics.TrueColours(latents=0, smooth=1.0)
ARTEFACTS = metrics.Artefacts(latents=0, smooth=0.7, reach=3.0)
GLASSES_KEPT = metrics.Kept(latents=0, parameter="glasses", smooth=8.0, told=5.0)


@cache
def clay(people, side):
    return parafaces.render(
        np.frombuffer(people, np.float32).reshape(-1, PEOPLE.shape[1]), "clay", side
    )


def rendered(side, *, swapped=False):
    people = PEOPLE.copy()
    people[:, GLASSES] = people[:, GLASSES] != swapped
    return clay(people.tobytes(), side)


def shown(pixels, people=PEOPLE, drawn=None):
    """A gallery of pictures of people in clay, or in a world of one's own."""

    def truth(who):
        return clay(who.tobytes(), pixels.shape[1])

    return SimpleNamespace(
        domain=SimpleNamespace(photographed=lambda: people, drawn=drawn or truth),
        pictures=lambda stream: pixels,
        once=lambda key, make: make(),
        together=4,
        batched=lambda work, images: [work(images)],
    )


@pytest.mark.parametrize("side", [32, 64])
def test_the_true_picture_has_no_fault(side):
    true = shown(rendered(side).images)
    tone = metrics.SkinTone(latents=0, tones=(0, 1), groups=TONES)
    likeness = metrics.TrueLikeness(ParaFacesMaps(weights="measure"), latents=0)
    for metric in (COLOURS, ARTEFACTS, tone, likeness):
        found = metric(true)
        assert (found.value, found.n) == (0, 8)
        assert {found.details.get(name, 0) for name in REGIONS} == {0}
    assert COLOURS(true).details["floor"] > 10
    kept = GLASSES_KEPT(true)
    assert (kept.value, kept.details["n_low"], kept.details["n_high"]) == (1, 4, 4)
    assert metrics.Kept(latents=0, parameter="gaze_x", smooth=4.0, told=5.0)(true).value == 1


def test_glasses_that_are_on_where_they_should_be_off_are_not_kept():
    swapped, true = rendered(64, swapped=True).images, rendered(64).images
    assert GLASSES_KEPT(shown(swapped)).value == 0
    off = np.where((np.arange(8) % 2)[:, None, None, None], swapped, true)
    found = GLASSES_KEPT(shown(off))
    assert (found.value, found.details["low"], found.details["high"]) == (0.5, 1, 0)


def faults(truth):
    g = torch.Generator().manual_seed(0)
    noise = torch.randn(truth.shape, generator=g)
    blotches = smoothed(torch.randn(truth.shape, generator=g), 3.0)
    blotches *= torch.tensor([0, 1, 1]).view(1, 3, 1, 1) / blotches.std()
    lightness = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    return {
        "same": truth,
        "few blotches": truth + 2 * blotches,
        "blotches": truth + 5 * blotches,
        "noise": truth + 4 * noise,
        "blurred": smoothed(truth, 1.0),
        "lighter": truth + 5 * lightness,
        "grainy": truth + 4 * noise * lightness,
        "tinted": truth + torch.tensor([0.0, 6, -8]).view(1, 3, 1, 1),
        "moved": truth.roll(1, 3),
    }


@pytest.mark.parametrize("side", [64, 128])
def test_each_fault_moves_the_number_that_it_belongs_to(side):
    pair = Compared(
        SimpleNamespace(drawn=lambda who: rendered(side)), PEOPLE, rendered(side).images
    )
    truth, regions = pair.true_colours, pair.regions
    made = faults(truth)
    off = {k: float(COLOURS.wrong(x, truth, regions).mean()) for k, x in made.items()}
    assert off["same"] == 0
    assert off["lighter"] == pytest.approx(5, rel=1e-4)
    assert off["tinted"] == pytest.approx(10, rel=1e-4)
    bad = {k: float(ARTEFACTS.wrong(x, truth, regions).mean()) for k, x in made.items()}
    assert bad["same"] == 0
    assert max(bad[k] for k in ("lighter", "grainy", "tinted")) < 1e-3
    assert max(bad["blurred"], bad["moved"]) < 0.5 * bad["few blotches"] < 0.2 * bad["blotches"]
    assert bad["noise"] > 0.2
    soft = smoothed(made["blotches"], 1.0)  # to blur a spoilt picture does not make it a clean one
    assert ARTEFACTS.wrong(soft, truth, regions).mean() > 0.7 * bad["blotches"]


def flat(levels):
    return np.broadcast_to(np.array(levels, np.uint8)[:, None, None, None], (len(levels), 8, 8, 3))


def test_the_tone_of_skin_is_told_with_its_sign_and_by_group():
    """Grey has L alone: of levels 119 and 128 it is 50.03 and 53.59 by CIELAB's definition."""
    people = PEOPLE[:4].copy()
    people[:, parafaces.INDEX["skin_tone"]] = [0.1, 0.1, 0.8, 0.8]
    skin = np.full((4, 8, 8), parafaces.SEGMENTS.index("nose"))
    truth = SimpleNamespace(images=flat([128, 128, 119, 119]), segmentation=skin)
    gallery = shown(flat([128, 128, 128, 128]), people, lambda who: truth)
    found = metrics.SkinTone(latents=0, tones=(0, 1), groups=TONES)(gallery)
    assert found.value == pytest.approx(3.56 / 2, abs=0.01)
    expected = {"L": 1.78, "a": 0, "b": 0, "light": 0, "dark": 3.56, "dark_L": 3.56}
    assert {k: found.details[k] for k in expected} == pytest.approx(expected, abs=0.01)
    dark = metrics.SkinTone(latents=0, tones=(0.3, 1), groups={})(gallery)
    assert (dark.value, dark.n) == (pytest.approx(3.56, abs=0.01), 2)


def test_latents_name_the_people_whose_normals_they_are():
    normals = parafaces.normals(np.arange(3), np.arange(3))
    rest = 128 - (normals**2).sum(1, keepdims=True)
    free = np.sqrt(np.clip(rest, 4, None) / 33) * np.ones((3, 33 - 1 + 1))
    z = torch.from_numpy(np.concatenate([normals, free], 1))
    length = z.norm(dim=1, keepdim=True) / 128**0.5
    people = parafaces.parameters_of((z / length).numpy()[:, : normals.shape[1]])
    np.testing.assert_allclose(named(3 * z), people, atol=1e-5)
    there = (length[:, 0] - 1).abs().numpy() < 1e-6  # on the sphere already
    drawn = parafaces.parameters(np.arange(3), np.arange(3))
    np.testing.assert_allclose(named(z)[there], drawn[there], atol=1e-5)
    assert there.any()


@pytest.mark.parametrize(("run", "names"), [("paired--a--b--0--s0", True), ("scratch--a", False)])
def test_only_a_paired_source_names_people(run, names):
    facts = {"name": "any", "invert": None, "trained": True, "sha256": "", "run": run}
    assert Source(None, None, None, **facts).names_people is names


def test_truth_that_nobody_knows_is_left_out_with_a_reason():
    fakes = metrics.TrueColours(latents=8, smooth=1.0)
    found = measure(gallery(Tinted(trained=True, tint=0.0), Folder()), {"a": COLOURS, "b": fakes})
    assert "truly look" in found.left_out["a"]
    assert "name nobody" in found.left_out["b"]
