"""Tables as Markdown, LaTeX and HTML: a template for each, in which everything is escaped."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from benchmarks.harness.config.purposes import names
from benchmarks.harness.leaderboard.metric_formats import ARROWS
from benchmarks.harness.leaderboard.published_numbers import by_protocol
from benchmarks.harness.leaderboard.selection import Content

TEMPLATES = Path(__file__).parent / "templates"
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&@])")
SYMBOLS = {"±": "pm", "×": "times", "°": "circ", "·": "cdot", "✗": "times", "↓": "downarrow",
           "↑": "uparrow"}  # fmt: skip
WORDS = {"\\": "backslash", "^": "asciicircum", "~": "asciitilde", "<": "less", ">": "greater",
         "|": "bar", '"': "quotedbl"}  # fmt: skip
LATEX = {
    **{sign: f"\\{sign}" for sign in "{}$&#%_"},
    **{sign: f"\\text{word}{{}}" for sign, word in WORDS.items()},
    **{sign: f"$\\{symbol}$" for sign, symbol in SYMBOLS.items()},
    **{"–": "--", "−": "$-$", "…": r"\ldots{}"},
}
LONGEST = 40  # letters of a row's name on one line in LaTeX
LATEX_TAGS: dict[str, Any] = {
    "block_start_string": "<%",
    "block_end_string": "%>",
    "variable_start_string": "<<",
    "variable_end_string": ">>",
    "comment_start_string": "<#",
    "comment_end_string": "#>",
}
"""Jinja's own tags are LaTeX's braces."""


def markdown(text: str) -> str:
    """A text that shows as it is, on one line."""
    return MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def markdown_heading(name: str) -> Markup:
    """A name of two words on two lines: a heading need not be wider than its numbers."""
    first, sign, rest = name.partition("_")
    return Markup("<br>".join(map(markdown, (first + sign, rest) if rest else (name,))))


def markdown_verbatim(text: str) -> Markup:
    """A line within a fence of backticks, which it cannot close."""
    return Markup(text.replace("```", "'''"))


def latex(text: str) -> str:
    """A text that shows as it is; a letter that Latin fonts lack shows as a question mark."""

    def latin(sign: str) -> str:
        return sign if (sign.isascii() and sign.isprintable()) or "À" <= sign <= "ÿ" else "?"

    return "".join(LATEX.get(sign) or latin(sign) for sign in " ".join(text.split()))


def latex_spelled(text: str) -> str:
    """A text in which methods and data sets have the names that papers give them."""
    known = names()
    words = "|".join(sorted(known, key=len, reverse=True))
    return re.sub(rf"(?<![\w.=/-])({words})(?![\w@=/-])", lambda found: known[found[0]], text)


def latex_key(text: str) -> Markup:
    """What a reference calls it: letters, digits and hyphens."""
    return Markup("-".join(re.findall("[a-z0-9]+", text.lower())))


def latex_number(text: str) -> Markup:
    return Markup(latex(text.replace("-", "−")))


def latex_name(label: str) -> Markup:
    """A row's name, on several lines where it is long: a table is as wide as its numbers need."""
    label = latex_spelled(label)
    if len(label) <= LONGEST:
        return Markup(latex(label))
    words = re.sub(r"(?<=[_/])", r"\\allowbreak{}", latex(label))
    return Markup(rf"\parbox[t]{{70mm}}{{\raggedright {words}\strut}}")


ESCAPES: dict[str, Callable[[str], str]] = {"markdown": markdown, "latex": latex, "html": escape}
"""By markup: how a text shows in it as it is."""
DOCUMENTS = {
    "markdown": ("markdown", "document.md"),
    "latex": ("latex", "document.tex"),
    "latex-input": ("latex", "input.tex"),
    "html": ("html", "document.html"),
}
"""By what is asked for: the markup, and the template."""


@cache
def environment(form: str, *folders: Path) -> Environment:
    """Templates, of more folders too, in which everything is escaped and nothing may be missing."""

    def escaped(value: Any) -> Markup:
        return value if isinstance(value, Markup) else Markup(ESCAPES[form](str(value)))

    env = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,  # lets pass what is Markup, which all is after ``finalize``
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **(LATEX_TAGS if form == "latex" else {}),
    )
    env.globals |= {"ARROWS": ARROWS, "by_protocol": by_protocol}
    env.filters |= {
        "markdown_heading": markdown_heading,
        "verbatim": markdown_verbatim,
        "spelled": latex_spelled,
        "key": latex_key,
        "number": latex_number,
        "name": latex_name,
    }
    return env


def document(form: str, content: Content) -> str:
    return render(*DOCUMENTS[form], **content._asdict())


def render(form: str, template: str, **values: Any) -> str:
    """A filled template, whose paragraphs are one empty line apart."""
    text = environment(form).get_template(template).render(**values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
