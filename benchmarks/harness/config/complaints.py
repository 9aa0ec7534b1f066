"""What Hydra and OmegaConf say of a bad command line, as one clear sentence."""

import difflib
import re
import shlex
from typing import Any

from hydra.errors import InstantiationException, OverrideParseException
from omegaconf import OmegaConf

from benchmarks.harness.config.validation import choices_of
from benchmarks.harness.records import nested
from core.errors import UserError, cause

METRIC = re.compile(r"""eval\.metrics\.["']?([^\s"'.=]+@[^\s"'.=]+)["']?\.(\w+)=(\S*)""")
"""A number of one metric, as a user would write it first."""
KEY = re.compile(r"(\+\+?|~)?[\w./@-]+", re.ASCII)
LONGEST = 300  # characters of a message of theirs that is passed on as it is


def sentence(error: BaseException) -> str:
    """One clear sentence; empty where what failed while building is no matter of the words."""
    first = cause(error)
    if isinstance(first, UserError):
        return str(first)
    if isinstance(error, InstantiationException):
        return str(first) if isinstance(first, TypeError) else ""
    text = str(error)
    if match := METRIC.search(text):
        name, key, value = match.groups()
        return f"Write 'eval.metrics={{{name}: {{{key}: {value}}}}}': Hydra keeps @ for itself."
    if isinstance(error, OverrideParseException):
        return unreadable(error.override)
    if match := re.match(r"Ambiguous value for argument '(.*)'\n", text):
        key, _, value = match[1].partition("=")
        what = f"{key}=[{value}] for a list, or -m before it to run with one after the other"
        return f"Write {quoted(key, value)} for a text, {what}."
    if match := re.search(r"Could not (?:find|load) 'hydra/launcher/((ray|submitit)\w*)'", text):
        name, extra = match[1], {"ray": "ray", "submitit": "slurm"}[match[2]]
        return f"hydra/launcher={name} needs a package more: pip install -e '.[{extra}]'."
    if match := re.search(r"Could not find '([\w/]+)/([^'/]*)'", text):
        group, name = match.groups()
        option = group.replace("/", ".")  # source/invert
        return f"There is no {option} {name!r}; the choices are {', '.join(choices_of(group))}."
    if match := re.search(r"Could not override '([^']+)'", text):
        reason: Any = error.__cause__
        inner = re.search(r"full_key: (\S+)", str(reason))  # of a group in braces
        return unknown_option((inner or match)[1].removesuffix("."), reason.parent_node)
    return " ".join(text.split())[:LONGEST]


def unreadable(word: str) -> str:
    """What to type in place of a word that Hydra's grammar does not hold."""
    key, equals, value = word.partition("=")
    if not equals or not KEY.fullmatch(key):
        return f"{word!r} is no word like key=value."
    return f"{key} holds signs that Hydra keeps for itself; write {quoted(key, value)}."


def quoted(key: str, value: str) -> str:
    """A word that gives an option this text, as it is typed to a shell."""
    text = value[1:-1] if len(value) > 1 and value[0] == value[-1] in "'\"" else value
    text = re.sub(r"(\\*)('|$)", lambda m: 2 * m[1] + ("\\'" if m[2] else ""), text)
    text = text.replace("${", r"\${")  # which is OmegaConf's
    word = f"{key}='{text}'"
    steering = set('"$`!') & set(word) or "\\\\" in word  # which a shell reads in double quotes
    return shlex.quote(word) if steering else f'"{word}"'


def unknown_option(key: str, node: Any) -> str:
    """What is said of an option that a configuration, of which ``node`` is a part, has not."""
    group, dot, _ = key.partition(".")
    config: Any = OmegaConf.to_container(node._get_root(), resolve=False)
    known = [option for option in nested.leaves(config, branches=(dict,)) if "._" not in option]
    near = difflib.get_close_matches(key, known, n=1)
    others = f"; see --cfg job for those of {group}." if dot else "; see --cfg job for all."
    hint = f"; did you mean {near[0]}?" if near else others
    return f"There is no option {key!r}{hint}"
