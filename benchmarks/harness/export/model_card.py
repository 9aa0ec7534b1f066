"""The model card: front matter that the Hub reads, a page that people read. A record may come from
anywhere: every text of it is escaped, for YAML by its writer, for the page by the template's
environment.
"""

import html
import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmarks.harness.config.cli import printable
from core.errors import UserError

WEIGHTS, PROGRAM = "model.safetensors", "generator.pt2"
SHIPPED = "core/assets/"
SIGNS = re.compile(r"([\\`*_{}\[\]()|~$])")
LIBRARY = "styleshift"
ARROWS = {"lower": "↓", "higher": "↑"}
TASK = "unconditional-image-generation"


class Licence(NamedTuple):
    """What the Hub calls it, its name for people, and why it is this one."""

    identifier: str
    name: str
    reason: str


def licence_of(record: dict[str, Any], named: str) -> Licence:
    """Of the adapted weights: the source's, which a user may name, unless pictures allow less."""
    source, data = record["config"].get("source", {}), record["config"].get("data", {})
    ours = not source.get("weights") or str(source["weights"]).startswith(SHIPPED)
    grown = record["config"].get("method", {}).get("grown_from", "")
    terms = str(source.get("licence", "")) or named
    if not terms and (grown or not ours):
        raise UserError(
            f"The licence of {grown or 'source ' + repr(record['source'])} is inherited, and this "
            "project does not know it: --licence 'NAME'."
        )
    of_source = terms or "mit"
    about = data.get("about") if isinstance(data.get("about"), dict) else {}
    of_data = str((about or {}).get("licence", ""))
    if of_data:
        both = f"{of_source}; pictures: {of_data}"
        return Licence("other", both, "of the source's weights and of the shots")
    reason = "of the source's weights"
    if "style" not in data:
        reason += "; the shots are of whoever made this, with their own terms"
    return Licence("mit" if of_source == "mit" else "other", of_source, reason)


def escaped(value: Any) -> str:
    """A text of a record as Markdown that shows it and does nothing else."""
    if isinstance(value, Markup):  # written here
        return str(value)
    return SIGNS.sub(r"\\\1", html.escape(printable(str(value)), quote=False))


def render(
    record: dict[str, Any], name: str, networks: dict[str, Any], licence: Licence, *, pictures: bool
) -> str:
    g = networks["g_ema"]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        finalize=escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # this is Markdown: `finalize` escapes every text that is not ours
    )
    return environment.get_template("card.md").render(
        front=Markup(front(record, name, licence)),
        record=record,
        name=name,
        licence=licence,
        pictures=pictures,
        networks={key: sum(p.numel() for p in net.parameters()) for key, net in networks.items()},
        resolution=g.img_resolution,
        arrows=ARROWS,
        shots=record["config"].get("data", {}).get("shots", "?"),
        z_dim=g.z_dim,
        program=Markup(PROGRAM),
        weights=Markup(WEIGHTS),
    )


def front(record: dict[str, Any], name: str, licence: Licence) -> str:
    """The front matter, with the metrics as the Hub's model-index."""
    # Every text is one line: readers of front matter end it at a line ---, in a text as well.
    metrics = [
        {"type": printable(key).split("@")[0], "name": printable(key), "value": metric["value"]}
        for key, metric in record["metrics"].items()
    ]
    dataset = dict.fromkeys(("type", "name"), printable(record["data"]))
    result = {"task": {"type": TASK}, "dataset": dataset, "metrics": metrics}
    other = {"license_name": printable(licence.name)[:80]} if licence.identifier == "other" else {}
    about = {
        "license": licence.identifier,
        **other,
        "library_name": LIBRARY,
        "pipeline_tag": TASK,
        "tags": ["stylegan2", "few-shot", "domain-adaptation", printable(record["method"])],
        "model-index": [{"name": name, "results": [result]}],
    }
    return yaml.safe_dump(about, sort_keys=False, allow_unicode=True, width=1000)
