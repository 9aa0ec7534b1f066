"""How well an identity network knows people again, on pairs of pictures of the same people."""

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import torch
from scipy.stats import rankdata
from torch import Tensor

from benchmarks.harness.data.files import File, files
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.data.pictures import read as read_picture
from benchmarks.harness.evaluation.extractors import DetectedFaces, FramedFaces, MobileFaceNet
from core.errors import UserError

BATCH = 32  # pictures at a time
Heads = dict[str, Tensor]


def compare_folders(
    a: str, b: str, *, side: int, eyes: list[list[float]] | None, detector: str
) -> dict[str, Any]:
    """Numbers of :func:`verify` for pictures of the same people under the same names in two folders
    or zips, padded to ``side``; eyes are given over the side, or detected.
    """
    finder: Any = FramedFaces(eyes=eyes) if eyes else DetectedFaces(detector=detector)
    extractor = MobileFaceNet(finder=finder)
    heads = [extract(extractor, part, side) for part in paired(a, b)]
    return {"extractor": extractor.name, "sha256": extractor.sha256} | verify(*heads)


def paired(a: str, b: str) -> tuple[list[File], list[File]]:
    """Files of the same name, without its ending, in both folders."""
    ours, theirs = (
        {str(PurePosixPath(file.member).with_suffix("")): file for file in files(folder)}
        for folder in (a, b)
    )
    names = sorted(ours.keys() & theirs.keys())
    if len(names) < 2:
        raise UserError(f"{a} and {b} have fewer than two names in common.")
    return [ours[name] for name in names], [theirs[name] for name in names]


def extract(extractor: Callable[[Tensor], Heads], pictures: list[File], side: int) -> Heads:
    """Heads of the extractor for the pictures, padded to squares of ``side`` pixels."""
    parts: list[Heads] = []
    for start in range(0, len(pictures), BATCH):
        batch = [read_picture(file, side, "fit").pixels for file in pictures[start : start + BATCH]]
        with torch.no_grad():
            parts.append(extractor(torch.cat([as_images(pixels[None]) for pixels in batch])))
    return {head: torch.cat([part[head] for part in parts]) for head in parts[0]}


def verify(a: Heads, b: Heads) -> dict[str, float]:
    """Cosines of the same and of different people by ``identity`` [N, E], and how well they are
    told apart; pairs without two ``found`` faces count for the rates of detection only.
    """
    both = (a["found"] > 0) & (b["found"] > 0)
    if int(both.sum()) < 2:
        raise UserError("Faces were found in fewer than two pairs.")
    cosines = a["identity"][both].double() @ b["identity"][both].double().T
    same = cosines.diagonal()
    different = cosines[~torch.eye(len(cosines), dtype=torch.bool)]
    return {
        "pairs": len(same),
        "found_a": float(a["found"].mean()),
        "found_b": float(b["found"].mean()),
        "same": float(same.mean()),
        "same_std": float(same.std()),
        "different": float(different.mean()),
        "different_std": float(different.std()),
        "auc": auc(same, different),
        "rank1": float((cosines.argmax(0) == torch.arange(len(same))).double().mean()),
    }


def auc(positive: Tensor, negative: Tensor) -> float:
    """Probability that a positive score exceeds a negative one, ties half (Mann-Whitney)."""
    ranks = rankdata(torch.cat([positive, negative]).double().numpy())
    n, m = len(positive), len(negative)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def same_person_auc(a: Tensor, b: Tensor, who_a: Tensor, who_b: Tensor) -> float:
    """AUC of telling by identities [N, E] and [M, E] whether two pictures show one person."""
    cosines, same = a @ b.T, who_a[:, None] == who_b
    return auc(cosines[same], cosines[~same])
