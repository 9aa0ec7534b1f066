"""Texts as they show in Markdown and in LaTeX, whatever signs they hold."""

from __future__ import annotations

import re

from markupsafe import Markup

MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&@])")
LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "–": "--",
    "−": "$-$",
    "°": r"$\circ$",
    "·": r"$\cdot$",
    "✗": r"$\times$",
    "…": r"\ldots{}",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
}
LONGEST = 40
"""Letters of a row's name on one line in LaTeX."""


def markdown(text: str) -> str:
    """A text that shows as it is, on one line."""
    return MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def markdown_heading(name: str) -> Markup:
    """A name of two words on two lines: a heading need not be wider than its numbers."""
    first, sign, rest = name.partition("_")
    lines = (first + sign, rest) if rest else (name,)
    return Markup("<br>".join(map(markdown, lines)))


def markdown_verbatim(text: str) -> Markup:
    """A line within a fence of backticks, which it cannot close."""
    return Markup(text.replace("```", "'''"))


def latex(text: str) -> str:
    """A text that shows as it is; a letter that Latin fonts lack shows as a question mark."""
    return "".join(LATEX.get(sign) or latin(sign) for sign in " ".join(text.split()))


def latin(sign: str) -> str:
    """A letter as itself where pdflatex knows it."""
    return sign if (sign.isascii() and sign.isprintable()) or "À" <= sign <= "ÿ" else "?"


def latex_number(text: str) -> Markup:
    """A text of numbers, whose hyphens are minus signs."""
    return Markup(latex(text.replace("-", "−")))


def latex_name(label: str) -> Markup:
    """A row's name, on several lines where it is long: a table is as wide as its numbers need."""
    if len(label) <= LONGEST:
        return Markup(latex(label))
    words = re.sub(r"(?<=[_/])", r"\\allowbreak{}", latex(label))
    return Markup(rf"\parbox[t]{{70mm}}{{\raggedright {words}\strut}}")
