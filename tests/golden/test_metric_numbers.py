"""Distances, counts, cluster means and resized pixels of group I, by the functions of the suite."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.harness.evaluation.extractors import resize
from benchmarks.harness.evaluation.metrics import (
    density_coverage,
    frechet_distance,
    intra_cluster,
    polynomial_mmd,
    precision_recall,
    radii,
)
from tests.golden import formula
from tests.golden.cases import statistics
from tests.golden.held import hold

FOLDER = Path(__file__).parent
SALT = "open/I"


@functools.cache
def stored():
    return {**np.load(FOLDER / "I_metrics.npz"), **np.load(FOLDER / "I_images.npz")}


@functools.cache
def cases():
    listed = json.loads((FOLDER / "manifest.json").read_text())["cases"]
    return {case["id"]: case["keys"] for case in listed if case["id"].startswith("I.")}


def held(case, key, found, *, double=True):
    limit = cases()[case][key]
    atol, rtol = limit["atol"], limit.get("rtol", 0)
    hold(f"{case}.{key}", found, stored()[f"{case}.{key}"], atol=atol, rtol=rtol, double=double)


def normal(key, shape):
    return formula.normal(SALT, key, shape).astype(np.float64)


def clouds(n, m, width, scale, shift):
    mix = normal("fa_mix", (width, width)) / np.sqrt(width)
    return normal("fa_x", (n, width)) @ mix, scale * normal("fa_y", (m, width)) @ mix + shift


FRECHET = {
    "regular": (200, 180, 16, 1.2, 0.3),
    "wide": (200, 200, 48, 0.8, 0.1),
    "singular": (30, 34, 48, 1.1, 0.2),
    "dead_units": (200, 200, 16, 1.2, 0.3),
    "same": (200, 200, 16, 1, 0),
}


def frechet_clouds(case):
    a, b = clouds(*FRECHET[case])
    if case == "dead_units":
        a[:, [3, 7]] = b[:, [3, 7]] = 0
    return a, a if case == "same" else b


@pytest.mark.parametrize("case", FRECHET)
def test_frechet_distances_are_those_of_clean_fid_and_pytorch_fid(case):
    a, b = frechet_clouds(case)
    found = frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    for key in ("exact", "clean_fid", "pytorch_fid"):
        held(f"I.frechet.{case}", key, found)


def test_kernel_distances_are_those_of_clean_fid():
    x, y = normal("kid_x", (60, 24)), 1.1 * normal("kid_y", (60, 24)) + 0.2
    held("I.kid.full", "kid", polynomial_mmd(x, y))
    held("I.kid.unequal", "kid", polynomial_mmd(x[:47], y))

    def subset(name):
        return np.argsort(formula.uniform(SALT, name, (60,)), kind="stable")[:25]

    draws = [
        polynomial_mmd(x[subset(f"kid_sub_x{i}")], y[subset(f"kid_sub_y{i}")]) for i in range(3)
    ]
    held("I.kid.subsets", "kid", np.mean(draws))


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_precision_recall_density_and_coverage_are_the_published_counts(kind):
    real = normal("pr_real", (80, 6)).astype(kind)
    fake = (0.8 * normal("pr_fake", (70, 6)) + 0.35).astype(kind)
    found = precision_recall(real, fake, 3)._asdict() | density_coverage(real, fake, 5)._asdict()
    found |= {"radii_real_k3": radii(real, 3)[:10], "radii_real_k5": radii(real, 5)[:10]}
    assert set(found) == set(cases()["I.precision_recall"])
    for key, value in found.items():
        held("I.precision_recall", key, value, double=kind is np.float64)


@pytest.mark.parametrize(
    ("case", "n", "moved"), [("small", 36, {7: 2.0, 3: 0.35}), ("capped", 130, {0: -0.6, 9: 2.0})]
)
def test_intra_cluster_distances_are_those_of_the_released_script(case, n, moved):
    u = formula.uniform(SALT, f"pair_{case}", (n, n)).astype(np.float64)
    pairs = torch.from_numpy(0.2 + 0.25 * (u + u.T)).fill_diagonal_(0)
    centres = formula.uniform(SALT, f"centre_{case}", (n, 10)).astype(np.float64)
    for shot, shift in moved.items():
        centres[:, shot] += shift
    found = intra_cluster(
        torch.from_numpy(centres), lambda i: pairs[i][:, i], cap=50, order=torch.arange(n)
    )
    name = f"I.intra_cluster.{case}"
    held(name, "assignment", found.assignment)
    held(name, "cluster_means", torch.where(found.scored, found.means, -1.0))
    held(name, "mean", found.dropped)
    held(name, "std", found.spread)


@pytest.mark.parametrize(("height", "width"), [(24, 31), (512, 400)])
def test_clean_pixels_are_those_of_clean_fid(height, width):
    picture = formula.image_u8(SALT, f"resize{height}x{width}", height, width, cell=5)
    found = resize.clean_fid("clean")(picture)
    held(f"I.resize.{height}x{width}", "pixels", found[::11, ::11])
    held(f"I.resize.{height}x{width}", "pixels.stats", statistics(found))


def test_what_is_stored_of_the_group_is_what_the_manifest_lists():
    assert set(stored()) == {f"{case}.{key}" for case, keys in cases().items() for key in keys}
