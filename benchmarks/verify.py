"""How well an identity network knows people again: ``python -m benchmarks.verify A B``.

A and B are folders (or zips) with pictures of the same people under the same names, such as photos
and the artist's sketches of them. Same-person cosines are compared with those of different people:
what an identity metric can say on such pictures, and where its floor lies.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.assets.accuracy import auc
from benchmarks.harness.data.files import File, files
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.data.pictures import read as read_picture
from benchmarks.harness.evaluation.extractors import DetectedFaces, FramedFaces, MobileFaceNet
from core import atomic
from core.errors import UserError

BATCH = 32


def paired(one: str, other: str) -> tuple[list[File], list[File]]:
    """Files of the same name, without its ending, in both folders."""
    by_name = [
        {str(PurePosixPath(file.member).with_suffix("")): file for file in files(folder)}
        for folder in (one, other)
    ]
    names = sorted(set(by_name[0]) & set(by_name[1]))
    if len(names) < 2:
        raise UserError(f"{one} and {other} have fewer than two names in common.")
    return [by_name[0][n] for n in names], [by_name[1][n] for n in names]


def seen(extractor: MobileFaceNet, found: list[File], side: int) -> dict[str, Tensor]:
    """Heads of the extractor for the pictures, padded to squares of ``side`` pixels."""
    parts: list[dict[str, Tensor]] = []
    for start in range(0, len(found), BATCH):
        batch = [read_picture(file, side, "fit").pixels for file in found[start : start + BATCH]]
        with torch.no_grad():
            parts.append(extractor(torch.cat([as_images(pixels[None]) for pixels in batch])))
    return {head: torch.cat([part[head] for part in parts]) for head in parts[0]}


def verified(a: dict[str, Tensor], b: dict[str, Tensor]) -> dict[str, float]:
    """Cosines of the same and of different people, and how well they are told apart.

    Pairs in which a face was not found are left out of all but the two rates.
    """
    both = (a["found"] > 0) & (b["found"] > 0)
    if int(both.sum()) < 2:
        raise UserError("Faces were found in fewer than two pairs.")
    scores = a["identity"][both].double() @ b["identity"][both].double().T
    same = scores.diagonal()
    other = scores[~torch.eye(len(scores), dtype=torch.bool)]
    return {
        "pairs": len(same),
        "found_a": float(a["found"].mean()),
        "found_b": float(b["found"].mean()),
        "same": float(same.mean()),
        "same_std": float(same.std()),
        "different": float(other.mean()),
        "different_std": float(other.std()),
        "auc": auc(same, other),
        "rank1": float((scores.argmax(0) == torch.arange(len(same))).double().mean()),
    }


def main() -> None:
    """Compare two folders."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verify", description=__doc__)
    parser.add_argument("a", metavar="A")
    parser.add_argument("b", metavar="B")
    parser.add_argument("--side", type=int, default=256, help="of the squares they are padded to")
    parser.add_argument("--eyes", type=float, nargs=4, metavar="X", help="x y x y over the side")
    parser.add_argument("--detector", default="mtcnn", help="finds the faces without --eyes")
    parser.add_argument("--to", type=Path, help="JSON file to write")
    chosen = parser.parse_args()
    try:
        eyes = chosen.eyes and [chosen.eyes[:2], chosen.eyes[2:]]
        finder: Any = FramedFaces(eyes=eyes) if eyes else DetectedFaces(detector=chosen.detector)
        extractor = MobileFaceNet(finder=finder)
        sides = (seen(extractor, part, chosen.side) for part in paired(chosen.a, chosen.b))
        found: dict[str, Any] = {"extractor": extractor.name, "sha256": extractor.sha256}
        found |= verified(*sides)
    except UserError as error:
        print(f"styleshift: {error}", file=sys.stderr)
        sys.exit(2)
    text = json.dumps(found, indent=1)
    print(text)
    if chosen.to:
        atomic.write(chosen.to, f"{text}\n".encode())


if __name__ == "__main__":
    main()
