"""How a number is called and printed: title, factor and digits of each metric."""

from __future__ import annotations

from dataclasses import dataclass

ARROWS = {"lower": "↓", "higher": "↑"}


@dataclass(frozen=True)
class Style:
    """How a metric is shown.

    Attributes:
        title: for a heading.
        factor: the printed number is the value times this; the heading says so.
        digits: behind the point; two cells tie where they print alike.
        says: what it tells, for a reader who does not know it.
    """

    title: str
    factor: float
    digits: int
    says: str

    def text(self, value: float) -> str:
        """A value as printed."""
        shown = f"{value * self.factor:.{self.digits}f}"
        return shown.removeprefix("-") if float(shown) == 0 else shown

    def heading(self) -> str:
        """The title with its factor."""
        return self.title if self.factor == 1 else f"{self.title} ×{self.factor:g}"


STYLES = {
    "kid": Style("KID", 1000, 1, "distance to held-out pictures of the domain, unbiased in n"),
    "fd": Style("Fréchet", 1, 2, "distance to held-out pictures of the domain, biased in n"),
    "fid": Style("FID", 1, 1, "distance to held-out pictures of the domain, biased in n"),
    "precision": Style("precision", 1, 3, "share of pictures that lie among real ones"),
    "recall": Style("recall", 1, 3, "share of real pictures that the generator comes near"),
    "density": Style("density", 1, 2, "how densely pictures lie among real ones"),
    "coverage": Style("coverage", 1, 3, "share of real pictures with a generated neighbour"),
    "intra": Style("intra-cluster", 1, 3, "distance between pictures that share a nearest shot"),
    "identity": Style("identity", 1, 3, "likeness to the source's picture of the same latent"),
    "nearest_shot": Style("nearest shot", 1, 3, "distance to the nearest shot: low is a copy"),
    "palette": Style("palette ΔE", 1, 1, "distance from the shots' colours; 2 is just seen"),
    "landmarks": Style("landmarks px", 1, 2, "error of the face's geometry after the true map"),
    "translation": Style("translation", 1, 3, "distance to the true picture of a person's photo"),
    "recognition": Style(
        "recognition", 1, 2, "share of held-out people whose true picture is the nearest to theirs"
    ),
}


def base(metric: str) -> str:
    """The metric's name without its extractor."""
    return metric.partition("@")[0]


def style(metric: str) -> Style:
    """How ``NAME@EXTRACTOR`` is shown; three digits for one that is not known here."""
    name = base(metric)
    return STYLES.get(name, Style(name.replace("_", " "), 1, 3, ""))


def order(metric: str) -> tuple[int, str]:
    """Place of a metric among the columns."""
    known = list(STYLES)
    name = base(metric)
    return (known.index(name) if name in known else len(known), metric)


def count(number: float) -> str:
    """Images or parameters with three significant digits: 2,400 or 417 k or 30.4 M."""
    for limit, factor, unit in ((1e6, 1e-6, " M"), (1e4, 1e-3, " k")):
        if number >= limit:
            scaled = number * factor
            return f"{scaled:.{0 if scaled >= 100 else 1}f}{unit}"
    return f"{number:,.0f}"
