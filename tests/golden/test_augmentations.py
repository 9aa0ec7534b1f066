"""The augmentations at fixed quantiles against numbers of the official implementation."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core.augment import ADA, Percentile, Pipeline
from tests.golden import formula
from tests.golden.held import hold

GOLDEN = Path(__file__).parent
MANIFEST = json.loads((GOLDEN / "manifest.json").read_text())
CASES = {c["id"]: c for c in MANIFEST["cases"] if c["id"].startswith("C.")}
ARRAYS = {
    key: array for path in GOLDEN.glob("C_*.npz") for key, array in dict(np.load(path)).items()
}


def recipe_of(case: dict) -> dict:
    texts = MANIFEST["texts"]
    return {k: texts.get(v, v) if isinstance(v, str) else v for k, v in case["recipe"].items()}


def made(text: str, salt: str, like: torch.Tensor | None = None) -> torch.Tensor:
    """The array that a recipe such as ``image(salt, "x24x24", [1, 3, 24, 24])`` describes."""
    name, _, arguments = text.partition("(")
    key, _, shape = arguments.removesuffix(")").removeprefix("salt, ").partition(", ")
    shape = like.shape if like is not None else json.loads(shape)
    return torch.from_numpy(getattr(formula, name)(salt, json.loads(key), shape))


def assert_golden(case: dict, key: str, value: torch.Tensor, bits: str) -> None:
    rule = case["keys"][key]
    value = value.detach().double()
    checks = [(key, value[..., ::3, ::3] if "view" in rule else value)]
    if f"{key}.stats" in case["keys"]:
        stats = torch.stack([value.mean(), value.std(correction=0), value.norm()])
        checks.append((f"{key}.stats", stats))
    for name, found in checks:
        rule = case["keys"][name]
        path = f"{case['id']}.{name}"
        limits = {"atol": rule[f"atol{bits}"], "rtol": rule.get(f"rtol{bits}", 0)}
        hold(path, found.numpy(), ARRAYS[path], double=bits == "64", **limits)


def test_the_formula_draws_the_golden_streams() -> None:
    np.testing.assert_allclose(formula.probe(), MANIFEST["formula_probe"], rtol=1e-6)


@pytest.mark.parametrize(("dtype", "bits"), [(torch.float32, ""), (torch.float64, "64")])
@pytest.mark.parametrize("name", [name for name in CASES if "controller" not in name])
def test_augmentations_at_a_fixed_quantile_are_the_golden_ones(
    name: str, dtype: torch.dtype, bits: str
) -> None:
    case = CASES[name]
    recipe = recipe_of(case)
    x = made(recipe["x"], recipe["salt"]).to(dtype).requires_grad_()
    field = made(recipe["field"], recipe["salt"]) if "field" in recipe else torch.zeros_like(x)
    pipeline = Pipeline(recipe["transforms"])
    y = pipeline(x, Percentile(len(x), recipe["percentile"], field))
    assert_golden(case, "y", y, bits)
    if "dx" in recipe:
        text = recipe["dx"].removeprefix("gradient of sum(y * ").removesuffix(")")
        weight = made(text.replace("shape of x", "[]"), recipe["salt"], like=y)
        (dx,) = torch.autograd.grad((y * weight.to(dtype)).sum(), x)
        assert_golden(case, "dx", dx, bits)


@pytest.mark.parametrize("name", [name for name in CASES if "controller" in name])
def test_the_probability_follows_the_golden_series(name: str) -> None:
    case = CASES[name]
    recipe = recipe_of(case)
    every, batch = recipe["updates_every"], recipe["batch"]
    ada = ADA(
        pipeline="bgc",
        target=recipe["target"],
        kimg=recipe["ada_kimg"],
        every=every,
        p_max=float("inf"),
        seed=0,
    )
    for k, share in enumerate(recipe["share"]):
        key = f"signs_{name[-1]}_{k}"
        for logits in torch.from_numpy(formula.signs("open/C", key, [every, batch], share)):
            ada.observe(logits[:, None])
        assert float(ada.p) == pytest.approx(
            float(ARRAYS[f"{name}.p"][k]), abs=case["keys"]["p"]["atol"]
        )
