"""Whether the pictures of a set and those of a source show the same part of a face."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.harness.config.files import plain
from core.errors import UserError
from core.paths import CONF

NEAR = 0.05  # of FFHQ's square, by which two framings may differ
WHOLE = (0, 0, 1, 1)
TYPED = ("data.box=", "source.box=")


def check(source: Mapping[str, Any], data: Mapping[str, Any], words: Sequence[str]) -> None:
    """Refuse a set framed otherwise than what a trained source shows, unless a word says a box.
    Sets of which nobody knows the framing go with every source; ``data`` has its interpolations.
    """
    ours, theirs = source.get("box", WHOLE), data.get("about", {}).get("shows", ())
    typed = any(word.lstrip("+").startswith(TYPED) for word in words)
    if typed or "weights" not in source or not theirs or same(ours, theirs):
        return
    others = [f"data={name}" for name in sets(data["splits"], ours)]
    fitting = f"{' or '.join(others)} goes with this source" if others else "other sets go with it"
    raise UserError(
        f"The source {source['name']} shows {said(ours)} of FFHQ's square and the pictures of "
        f"{data['splits']} {said(theirs)}: {fitting}, and data.box=[left,top,right,bottom] cuts "
        "these as you say."
    )


def same(a: Any, b: Any) -> bool:
    try:
        return all(abs(x - y) <= NEAR for x, y in zip(a, b, strict=True))
    except (TypeError, ValueError):  # no box, which is for another check to say
        return True


def said(box: Sequence[float]) -> str:
    return "all" if same(box, WHOLE) else f"[{', '.join(f'{side:.2f}' for side in box)}]"


def sets(splits: str, box: Any) -> Iterator[str]:
    """The choices of the same pictures that are framed so."""
    for path in sorted((CONF / "data").glob(f"{splits}*.yaml")):
        shown = plain(path).get("about", {}).get("shows")
        if shown and same(box, shown):
            yield path.stem
