"""How well an identity network knows people again: ``python -m benchmarks.verify A B``. A and B are
folders (or zips) with pictures of the same people under the same names, such as photos and the
artist's sketches of them. Same-person cosines are compared with those of different people: what an
identity metric can say on such pictures, and where its floor lies.
"""

import argparse
import json
from pathlib import Path

from benchmarks.harness.config.cli import command
from core import output


@command()
def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.verify", description=__doc__)
    parser.add_argument("a", metavar="A")
    parser.add_argument("b", metavar="B")
    parser.add_argument("--side", type=int, default=256, help="of the squares they are padded to")
    parser.add_argument("--eyes", type=float, nargs=4, metavar="X", help="x y x y over the side")
    parser.add_argument("--detector", default="mtcnn", help="finds the faces without --eyes")
    parser.add_argument("--to", type=Path, help="JSON file to write")
    options = parser.parse_args(words)
    from benchmarks.harness.evaluation.face_verification import compare_folders

    eyes = options.eyes and [options.eyes[:2], options.eyes[2:]]
    faces = {"side": options.side, "eyes": eyes, "detector": options.detector}
    text = json.dumps(compare_folders(options.a, options.b, **faces), indent=1)
    print(text)
    if options.to:
        output.write(options.to, f"{text}\n".encode())
    return 0


if __name__ == "__main__":
    main()
