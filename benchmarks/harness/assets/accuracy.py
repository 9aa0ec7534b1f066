"""How well a perception network sees people whom it has never seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.assets.faces import Faces
from benchmarks.harness.data.pictures import as_images
from core.networks.perception import Perception

CHUNK = 250


def auc(positive: Tensor, negative: Tensor) -> float:
    """Probability that a positive score exceeds a negative one; ties count half."""
    scores = torch.cat([positive, negative]).double()
    _, where, times = scores.unique(return_inverse=True, return_counts=True)
    last = times.cumsum(0).double()
    ranks = (last - (times - 1) / 2)[where]
    n, m = len(positive), len(negative)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def verification(one: Tensor, other: Tensor, person: Tensor, who: Tensor) -> float:
    """AUC of telling by the identities [N, E] and [M, E] whether two pictures show one person.

    ``person`` [N] and ``who`` [M] say who it is.
    """
    scores, same = one @ other.T, person[:, None] == who
    return auc(scores[same], scores[~same])


def r_squared(predicted: Tensor, true: Tensor) -> Tensor:
    """Explained share [P] of the variance of true [N, P]; 0 where nothing varies."""
    rest = (predicted - true).square().sum(0)
    total = (true - true.mean(0)).square().sum(0)
    return torch.where(total > 0, 1 - rest / total.clamp(min=1e-12), torch.zeros_like(total))


@torch.no_grad()
def read(network: Perception, pixels: np.ndarray) -> dict[str, Tensor]:
    """All heads of the network for bytes [n, R, R, 3]."""
    starts = range(0, len(pixels), CHUNK)
    parts = [network(as_images(pixels[i : i + CHUNK]))._asdict() for i in starts]
    return {head: torch.cat([part[head].float() for part in parts]) for head in parts[0]}


def accuracy(network: Perception, faces: Faces, blocks: dict[str, slice]) -> dict[str, Any]:
    """Every accuracy of the network's record, by domain, on people it was not trained on.

    ``blocks`` groups the parameters (identity, expression, pose, light, background).
    """
    names = network.config["domains"]
    seen = {name: read(network, pixels) for name, pixels in zip(names, faces.pixels, strict=True)}
    person, first = torch.from_numpy(faces.person), torch.from_numpy(faces.picture == 0)
    true = torch.from_numpy(faces.parameters).double()

    def verified(one: str, other: str) -> float:
        a, b = seen[one]["identity"][first], seen[other]["identity"][~first]
        return verification(a, b, person[first], person[~first])

    found: dict[str, Any] = {}
    for d, name in enumerate(names):
        exact = torch.from_numpy(np.array(faces.landmarks[d]))
        errors = (seen[name]["landmarks"] - exact).norm(dim=2)
        visible = torch.from_numpy(np.array(faces.visible[d])).bool()
        r2 = r_squared(seen[name]["attributes"].double(), true)
        found[name] = {
            "landmark_px": float(errors[visible].mean()),
            "landmark_px_median": float(errors[visible].median()),
            "identity_auc": verified(name, name),
            "identity_auc_from_photo": verified("photo", name),
            "attribute_r2": {block: float(r2[columns].mean()) for block, columns in blocks.items()},
            "attributes_over_half": int((r2 > 0.5).sum()),
            "domain_accuracy": float((seen[name]["domain"].argmax(1) == d).double().mean()),
        }
    return found


def means(found: dict[str, Any]) -> dict[str, float]:
    """Every accuracy averaged over the domains; over blocks too where it has them."""

    def flat(value: Any) -> float:
        return float(np.mean(list(value.values()))) if isinstance(value, dict) else float(value)

    keys = next(iter(found.values()))
    return {key: float(np.mean([flat(one[key]) for one in found.values()])) for key in keys}
