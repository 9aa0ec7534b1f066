"""What Hydra and OmegaConf say of a bad command line, as one clear sentence."""

import difflib
import re

from hydra.errors import InstantiationException

from benchmarks.harness.config.files import plain
from benchmarks.harness.config.validation import GROUPS, choices_of
from benchmarks.harness.records import nested
from core.errors import UserError
from core.paths import CONF

METRIC = re.compile(r"""eval\.metrics\.["']?([^\s"'.=]+@[^\s"'.=]+)["']?\.(\w+)=(\S*)""")
"""A number of one metric, as a user would write it first."""
LONGEST = 300  # characters of a message of theirs that is passed on as it is


def sentence(error: BaseException) -> str:
    """One clear sentence; empty where what failed while building is no matter of the words."""
    first = cause(error)
    if isinstance(first, UserError):
        return str(first)
    if isinstance(error, InstantiationException):
        return str(first) if isinstance(first, TypeError) else ""
    text = str(error)
    if match := re.search(r"Could not (?:find|load) 'hydra/launcher/((ray|submitit)\w*)'", text):
        name, extra = match[1], {"ray": "ray", "submitit": "slurm"}[match[2]]
        return f"hydra/launcher={name} needs a package more: pip install -e '.[{extra}]'."
    if match := re.search(r"Could not find '(\w+)/([^']*)'", text):
        group, name = match.groups()
        return f"There is no {group} {name!r}; the choices are {', '.join(choices_of(group))}."
    if match := METRIC.search(text):
        name, key, value = match.groups()
        return f"Write 'eval.metrics={{{name}: {{{key}: {value}}}}}': Hydra keeps @ for itself."
    if match := re.search(r"Could not override '([^']+)'", text):
        inner = re.search(r"full_key: (\S+)", str(error.__cause__))  # of a group in braces
        return unknown_option((inner or match)[1].removesuffix("."))
    return " ".join(text.split())[:LONGEST]


def cause(error: BaseException) -> BaseException:
    """What went wrong first, up to the sentence that a user is meant to read."""
    while error.__cause__ is not None and not isinstance(error, UserError):
        error = error.__cause__
    return error


def unknown_option(key: str) -> str:
    group, dot, _ = key.partition(".")
    near = difflib.get_close_matches(key, all_options(), n=1)
    others = f"; see --cfg job for those of {group}." if dot else "; see --cfg job for all."
    hint = f"; did you mean {near[0]}?" if near else others
    return f"There is no option {key!r}{hint}"


def all_options() -> list[str]:
    """Every option of the default configuration and of all methods and data sets, dotted."""
    files = [("", CONF / "config.yaml")]
    files += [(g, CONF / g / f"{name}.yaml") for g in GROUPS for name in choices_of(g)]
    return sorted({
        dotted
        for group, path in files
        for dotted, _, _ in nested.entries(plain(path), group, branches=(dict,))
    })  # fmt: skip
