"""How a number is called and printed: title, factor and digits of each metric."""

from typing import NamedTuple

ARROWS = {"lower": "↓", "higher": "↑"}


class MetricFormat(NamedTuple):
    """How a metric is printed: ``factor`` times itself, with digits at which two cells tie."""

    title: str
    factor: float
    digits: int
    meaning: str

    def text(self, value: float) -> str:
        text = f"{value * self.factor:.{self.digits}f}"
        return text.removeprefix("-") if float(text) == 0 else text

    def difference(self, value: float) -> str:
        text = self.text(value)
        return text if text.startswith("-") or float(text) == 0 else f"+{text}"

    @property
    def heading(self) -> str:
        return self.title if self.factor == 1 else f"{self.title} ×{self.factor:g}"


PEOPLE = "share of held-out people whose true picture is the nearest to theirs"
ROWS = {  # KID is printed times 1000, as papers do
    "kid": ("KID", 1000, 1, "distance to held-out pictures of the domain, unbiased in n"),
    "fd": ("Fréchet", 1, 2, "distance to held-out pictures of the domain, biased in n"),
    "fid": ("FID", 1, 1, "distance to held-out pictures of the domain, biased in n"),
    "precision": ("precision", 1, 3, "share of pictures that lie among real ones"),
    "recall": ("recall", 1, 3, "share of real pictures that the generator comes near"),
    "density": ("density", 1, 2, "how densely pictures lie among real ones"),
    "coverage": ("coverage", 1, 3, "share of real pictures with a generated neighbour"),
    "intra": ("intra-cluster", 1, 3, "distance between pictures that share a nearest shot"),
    "identity": ("identity", 1, 3, "likeness to the source's picture of the same latent"),
    "nearest_shot": ("nearest shot", 1, 3, "distance to the nearest shot: low is a copy"),
    "palette": ("palette ΔE", 1, 1, "distance from the shots' colours; 2 is just seen"),
    "landmarks": ("landmarks px", 1, 2, "error of the face's geometry after the true map"),
    "translation": ("translation", 1, 3, "distance to the true picture of a person's photo"),
    "recognition": ("recognition", 1, 2, PEOPLE),
    "artefacts": ("artefacts", 1, 2, "chroma that the true picture has nowhere near"),
    "truth": ("truth", 1, 3, "distance to the true picture of the same person"),
    "tone": ("tone ΔE", 1, 1, "error of the skin's mean colour"),
    "tone_light": ("tone ΔE, light", 1, 1, "the same of the lightest third of the people"),
    "tone_dark": ("tone ΔE, dark", 1, 1, "the same of the darkest third of the people"),
    "glasses": (
        "glasses kept",
        1,
        2,
        "how often glasses are on or off as they should; 0.5 is chance",
    ),
    "gaze": ("gaze kept", 1, 2, "how often eyes look to the true side; 0.5 is chance"),
}
FORMATS = {name: MetricFormat(*row) for name, row in ROWS.items()}


def base(metric: str) -> str:
    return metric.partition("@")[0]


def of(metric: str) -> MetricFormat:
    """How ``NAME@EXTRACTOR`` is printed; three digits for one that is not known here."""
    name = base(metric)
    return FORMATS.get(name, MetricFormat(name.replace("_", " "), 1, 3, ""))


def order(metric: str) -> tuple[int, str]:
    names, name = list(FORMATS), base(metric)
    return (names.index(name) if name in names else len(names), metric)


def count(number: float) -> str:
    """Images or parameters with three significant digits: 2,400 or 417 k or 30.4 M."""
    for limit, factor, unit in ((1e6, 1e-6, " M"), (1e4, 1e-3, " k")):
        if number >= limit:
            scaled = number * factor
            return f"{scaled:.{0 if scaled >= 100 else 1}f}{unit}"
    return f"{number:,.0f}"
