"""Tables as Markdown, LaTeX and HTML: a template for each, in which everything is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import markupsafe
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmarks.harness.leaderboard import escapes
from benchmarks.harness.leaderboard.comparison import MethodComparison
from benchmarks.harness.leaderboard.layout import Grid
from benchmarks.harness.leaderboard.metric_formats import ARROWS
from benchmarks.harness.leaderboard.published_numbers import PublishedNumber, by_protocol

TEMPLATES = Path(__file__).parent / "templates"


class Form(NamedTuple):
    """A markup: the template of a document, and how a text shows in it as it is."""

    template: str
    escape: Callable[[str], str]


FORMS = {
    "markdown": Form("document.md", escapes.markdown),
    "latex": Form("document.tex", escapes.latex),
    "html": Form("document.html", markupsafe.escape),
}
LATEX_TAGS = {
    "block_start_string": "<%",
    "block_end_string": "%>",
    "variable_start_string": "<<",
    "variable_end_string": ">>",
    "comment_start_string": "<#",
    "comment_end_string": "#>",
}
"""Jinja's own tags are LaTeX's braces."""


@cache
def environment(form: str, *folders: Path) -> Environment:
    """Templates in which everything is escaped as the form needs it, and nothing may be missing.

    Args:
        form: one of FORMS.
        folders: of more templates.
    """
    escape = FORMS[form].escape

    def escaped(value: Any) -> Markup:
        return value if isinstance(value, Markup) else Markup(escape(str(value)))

    tags: Any = LATEX_TAGS if form == "latex" else {}
    env = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,  # lets pass what is Markup, which all is after ``finalize``
        finalize=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **tags,
    )
    env.globals |= {"ARROWS": ARROWS, "by_protocol": by_protocol}
    env.filters |= {
        "markdown_heading": escapes.markdown_heading,
        "verbatim": escapes.markdown_verbatim,
        "number": escapes.latex_number,
        "name": escapes.latex_name,
    }
    return env


def document(
    form: str,
    grids: Sequence[Grid],
    comparisons: Sequence[MethodComparison],
    published: Sequence[PublishedNumber],
) -> str:
    """Everything, below one another."""
    return render(
        form, FORMS[form].template, grids=grids, comparisons=comparisons, published=published
    )


def render(form: str, template: str, **values: Any) -> str:
    """A filled template, whose paragraphs are one empty line apart."""
    text = environment(form).get_template(template).render(**values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
