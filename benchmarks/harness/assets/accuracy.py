"""How well a perception network sees people whom it has never seen; and records of such numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.assets.faces import Faces
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.evaluation.face_verification import same_person_auc
from core import output
from core.networks.perception import Perception

CHUNK = 250  # pictures at a time, which bounds the memory


def r_squared(predicted: Tensor, true: Tensor) -> Tensor:
    """Explained share [P] of the variance of true [N, P]; 0 where nothing varies."""
    rest = (predicted - true).square().sum(0)
    total = (true - true.mean(0)).square().sum(0)
    return torch.where(total > 0, 1 - rest / total.clamp(min=1e-12), torch.zeros_like(total))


@torch.no_grad()
def read_heads(network: Perception, pixels: np.ndarray) -> dict[str, Tensor]:
    """All heads of the network for bytes [n, R, R, 3]."""
    starts = range(0, len(pixels), CHUNK)
    parts = [network(as_images(pixels[i : i + CHUNK]))._asdict() for i in starts]
    return {head: torch.cat([part[head].float() for part in parts]) for head in parts[0]}


def accuracy(network: Perception, faces: Faces, blocks: dict[str, slice]) -> dict[str, Any]:
    """Every accuracy of the network's record, by domain, on people it was not trained on.
    ``blocks`` groups the parameters (identity, expression, pose, light, background).
    """
    names = network.config["domains"]
    heads = [read_heads(network, pixels) for pixels in faces.pixels]
    photo = heads[names.index("photo")]
    person, first = torch.from_numpy(faces.person), torch.from_numpy(faces.picture == 0)
    true = torch.from_numpy(faces.parameters).double()

    def identity_auc(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
        a, b = one["identity"][first], other["identity"][~first]
        return same_person_auc(a, b, person[first], person[~first])

    by_domain: dict[str, Any] = {}
    for d, (name, seen) in enumerate(zip(names, heads, strict=True)):
        exact = torch.from_numpy(np.array(faces.landmarks[d]))
        errors = (seen["landmarks"] - exact).norm(dim=2)
        visible = torch.from_numpy(np.array(faces.visible[d])).bool()
        r2 = r_squared(seen["attributes"].double(), true)
        by_domain[name] = {
            "landmark_px": float(errors[visible].mean()),
            "landmark_px_median": float(errors[visible].median()),
            "identity_auc": identity_auc(seen, seen),
            "identity_auc_from_photo": identity_auc(photo, seen),
            "attribute_r2": {block: float(r2[columns].mean()) for block, columns in blocks.items()},
            "attributes_over_half": int((r2 > 0.5).sum()),
            "domain_accuracy": float((seen["domain"].argmax(1) == d).double().mean()),
        }
    return by_domain


def means(by_domain: dict[str, Any]) -> dict[str, float]:
    """Every accuracy averaged over the domains; over blocks too where it has them."""

    def flat(value: Any) -> float:
        return float(np.mean(list(value.values()))) if isinstance(value, dict) else float(value)

    keys = next(iter(by_domain.values()))
    return {key: float(np.mean([flat(one[key]) for one in by_domain.values()])) for key in keys}


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write a record as JSON; it is a `UserError` where it cannot be written."""
    text = json.dumps(report, indent=1, allow_nan=False)
    output.write(path, f"{text}\n".encode(), "The record")
