"""One run as one JSON file: what was run, what came out, what it cost, where it ran."""

from __future__ import annotations

import json
import math
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core import atomic, hashing
from core.errors import UserError
from core.paths import ROOT

SCHEMA = 2  # 1 held the addresses of classes, and its ids depended on them
NEAR_ZERO = 0.02
NOT_RECIPE = ("seed", "machine", "logger", "folder", "existing", "checkpoint", "resume")
"""What does not define the experiment: two runs that differ in these are repetitions."""

PLACES = ("root", "reference_root", "photos_root")
"""Of the data: where a published set lies on a machine; checksums say whether it is the same."""

STATES = ("finished", "failed")
"""A record without a state is of a finished run; a failed one has a reason and no metrics."""

NUMBERS = {"cost": ("images", "seconds", "trainable", "peak_bytes")}
TEXTS = ("method", "data", "source", "eval", "recipe", "paper")
LARGEST, DEEPEST = 1e100, 30
"""Bounds of what can be averaged, squared and walked through."""
PROVENANCE = ("commit", "torch", "lightning", "python", "device", "started", "weights_sha256")


def recipe(plain: dict[str, Any], choices: dict[str, str]) -> str:
    """Eight hex digits of the unresolved configuration: equal across seeds, machines, folders."""
    kept = {key: value for key, value in plain.items() if key not in NOT_RECIPE}
    if not plain.get("swap", {}).get("resolution"):  # no layer is swapped, in whichever way
        kept.pop("swap", None)
    idle = ("about", *(PLACES if plain["data"].get("splits") else ()))
    kept["data"] = {key: value for key, value in plain["data"].items() if key not in idle}
    chosen = {group: choices[group] for group in ("method", "data", "source", "eval")}
    text = json.dumps([unaddressed(kept), chosen], sort_keys=True, default=str)
    return hashing.of_bytes(text.encode())[:8]


def unaddressed(node: Any) -> Any:
    """A configuration whose classes stand under their own names, in whichever file they lie.

    Ids are hashes of what is meant, so that code can move without renaming its results.
    """
    if isinstance(node, list):
        return [unaddressed(value) for value in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value.rpartition(".")[2] if key == "_target_" else unaddressed(value)
        for key, value in node.items()
    }


def name(choices: dict[str, str], recipe: str, seed: int) -> str:
    """File name of a run without its ending."""
    parts = (choices["method"], choices["data"], choices["source"], recipe, f"s{seed}")
    return "--".join(parts)


def provenance(device: str) -> dict[str, Any]:
    """Where and with what the run happened."""
    import torch  # two seconds, which whoever only reads records does not pay

    return {
        "commit": git("rev-parse", "HEAD"),
        "dirty": bool(git("status", "--porcelain", "--untracked-files=no", "--", ":!results")),
        "torch": torch.__version__,
        "lightning": version("lightning"),
        "python": platform.python_version(),
        "device": device,
        "threads": torch.get_num_threads(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def git(*words: str) -> str:
    """What git says of the project, or nothing where there is no repository."""
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def validate(record: Any) -> list[str]:
    """What is wrong with a record, in sentences; empty when it is sound."""
    if not isinstance(record, dict):
        return ["A record is a JSON object."]
    if too_deep(record):
        return [f"It is nested more than {DEEPEST} deep."]
    wrong = []
    if record.get("schema") != SCHEMA:
        wrong.append(f"schema is {record.get('schema')!r}, expected {SCHEMA}.")
    wrong += [f"{key} is missing." for key in TEXTS if not isinstance(record.get(key), str)]
    if not isinstance(record.get("seed"), int):
        wrong.append("seed is no integer.")
    metrics = record.get("metrics")
    if not isinstance(metrics, dict):
        return [*wrong, "metrics is no object."]
    state = record.get("state", "finished")
    if state not in STATES:
        wrong.append(f"state is {state!r}, no word of {', '.join(STATES)}.")
    if state == "failed" and not isinstance(record.get("reason"), str):
        wrong.append("reason is missing, and the run failed.")
    for key, metric in metrics.items():
        wrong += faults(key, metric)
    for part, keys in NUMBERS.items():
        own = record.get(part)
        for key in keys:
            if not isinstance(own, dict) or not finite(own.get(key)) or own[key] < 0:
                wrong.append(f"{part}.{key} is no number.")
    where = record.get("provenance")
    for key in PROVENANCE:
        if not isinstance(where, dict) or not isinstance(where.get(key), str):
            wrong.append(f"provenance.{key} is missing.")
    return [*wrong, *additions(record)]


def faults(key: str, metric: Any) -> list[str]:
    """What is wrong with one metric, in sentences."""
    wrong = [] if "@" in key else [f"{key} does not name its extractor."]
    if not isinstance(metric, dict) or metric.get("better") not in ("lower", "higher"):
        return [*wrong, f"{key} does not say which way is better."]
    if not finite(metric.get("value")) or not isinstance(metric.get("n"), int):
        return [*wrong, f"{key} has no finite value or no n."]
    details = metric.get("details", {})
    if not isinstance(details, dict) or not finite(details.get("source", 0)):
        wrong.append(f"{key} has details that are no object, or no number of the source's.")
    return wrong


def additions(record: dict[str, Any]) -> list[str]:
    """What is wrong with the configuration and with what not every record has, in sentences."""
    wrong = []
    config = record.get("config")
    if not isinstance(config, dict):
        wrong.append("config is no object.")
    else:
        judged = config.get("eval", {})
        parts = [config.get(key, {}) for key in ("method", "data", "source", "swap")]
        parts += [judged, judged.get("metrics", {}) if isinstance(judged, dict) else {}]
        parts += list(parts[-1].values()) if isinstance(parts[-1], dict) else []
        if not all(isinstance(part, dict) for part in parts):
            wrong.append("config holds a group or a metric that is no object.")
    for key in ("overrides", "warnings"):
        texts = record.get(key, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            wrong.append(f"{key} is no list of texts.")
    for key in ("of", "reason"):
        if not isinstance(record.get(key, ""), str):
            wrong.append(f"{key} is no text.")
    reasons = record.get("left_out", {})
    if not isinstance(reasons, dict) or not all(isinstance(r, str) for r in reasons.values()):
        wrong.append("left_out is no object of texts.")
    if not is_course(record.get("curves", {})):
        wrong.append("curves is no object of equally long lists of numbers, kimg among them.")
    return wrong


def is_course(curves: Any) -> bool:
    """Whether these are curves: lists of numbers or nulls over ``kimg``, or none at all."""
    if curves == {}:
        return True
    if not isinstance(curves, dict) or not all(isinstance(v, list) for v in curves.values()):
        return False
    kimg = curves.get("kimg", [None])
    if not all(finite(at) for at in kimg) or {len(v) for v in curves.values()} != {len(kimg)}:
        return False
    return all(v is None or finite(v) for values in curves.values() for v in values)


def too_deep(node: Any) -> bool:
    """Whether objects and lists are nested deeper than any record of ours."""
    level = [node]
    for _ in range(DEEPEST):
        inner = [list(n.values()) if isinstance(n, dict) else n for n in level]
        level = [v for values in inner for v in values if isinstance(v, dict | list)]
        if not level:
            return False
    return True


def strict(node: Any) -> Any:
    """A configuration as JSON has it: infinity becomes its YAML name."""
    if isinstance(node, dict):
        return {str(key): strict(value) for key, value in node.items()}
    if isinstance(node, list):
        return [strict(value) for value in node]
    return ".inf" if node == math.inf else node


def finite(value: Any) -> bool:
    """True for an int or float that is no NaN and not beyond what can be squared."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def write(path: Path, record: dict[str, Any]) -> None:
    """Write a sound record; moved into place, so that no reader ever meets half of it."""
    wrong = validate(record)
    if wrong:
        raise ValueError("This record must not be written: " + " ".join(wrong))
    text = json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    try:
        atomic.write(path, text.encode())
    except OSError as error:
        raise UserError(f"The record cannot be written to {path}: {error.strerror}.") from error


def read(path: Path) -> dict[str, Any]:
    """A sound record, or a sentence that says what is wrong with the file."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"), parse_constant=refused)
        json.dumps(record, ensure_ascii=False).encode()  # half a surrogate cannot be written
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a readable record: {error}.") from error
    wrong = validate(record)
    if wrong:
        raise UserError(f"{path} is not a sound record: {' '.join(wrong)}")
    return record


def refused(word: str) -> None:
    """Strict JSON has no word for what is no number.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{word} is no JSON")


def disagreement(new: dict[str, Any], old: dict[str, Any]) -> dict[str, float]:
    """Relative difference of every metric that both records hold; near 0 in units of 0.02."""
    shared = [key for key in old["metrics"] if key in new["metrics"]]
    pairs = {key: (new["metrics"][key]["value"], old["metrics"][key]["value"]) for key in shared}
    return {key: abs(a - b) / max(abs(a), abs(b), NEAR_ZERO) for key, (a, b) in pairs.items()}
