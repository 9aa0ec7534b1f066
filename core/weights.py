"""Networks in one safetensors file, each with the architecture that rebuilds it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from core import output
from core.errors import UserError

# Imported for their registration: a file may name the networks of `core` whatever else is loaded.
from core.networks import (  # noqa: F401
    discriminator,
    dualstylegan,
    encoders,
    exemplars,
    gains,
    latent_compression,
    miner,
    styles,
)
from core.networks.registry import NETWORKS

FORMAT = "styleshift-1"
FOREIGN = (b"PK\x03\x04", b"\x80")  # how torch's zips and all pickles begin
LARGEST = 2**14  # number in a configuration: layers, channels, pixels; anything is smaller


def write(
    path: Path, networks: dict[str, Any], notes: dict[str, str], dtype: torch.dtype | None = None
) -> None:
    """Write networks, each with a ``config``, under their names (``g_ema``, ``g``, ``d``), moved
    into place when complete. ``notes`` join the metadata; ``dtype`` is that of all tensors, None
    keeps their own.
    """
    tensors, built = {}, {}
    for name, network in networks.items():
        built[name] = {"class": type(network).__name__, "config": network.config}
        for key, value in network.state_dict().items():
            value = value.detach().cpu().to(dtype or value.dtype)
            tensors[f"{name}.{key}"] = value.contiguous().clone()
    meta = {"format": FORMAT, "networks": json.dumps(built), **notes}
    output.write(path, save(tensors, metadata=meta), "Weights")


def read(
    path: Path, classes: Mapping[str, type[nn.Module]] = NETWORKS
) -> tuple[dict[str, Any], dict[str, str]]:
    """The networks of a file by name, every tensor used and none missing, and its notes. It may
    name these ``classes``; give `registry.self_contained()` for a file of unknown origin.
    """
    with opened(path) as file:
        meta = file.metadata() or {}
        tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
    if meta.pop("format", "") != FORMAT:
        raise UserError(f"{path} is not a {FORMAT} file.")
    for key, value in tensors.items():
        if not value.isfinite().all():
            raise UserError(
                f"{path} holds numbers in {key!r} that are not finite: it was damaged, or "
                "converted by a version that did not look for them."
            )
    networks: dict[str, Any] = {}
    for name, (kind, config) in _plans(meta.pop("networks", ""), path, classes).items():
        keys = [key for key in tensors if key.startswith(f"{name}.")]
        own = {key.removeprefix(f"{name}."): tensors.pop(key) for key in keys}
        try:
            with torch.device("meta"):  # takes no memory, whatever the file says
                kind(**config).load_state_dict(own, assign=True)
            networks[name] = kind(**config)
            networks[name].load_state_dict(own)
        except (RuntimeError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
            first = " ".join(str(error).split())[:300]  # torch lists every entry
            raise UserError(f"{path}, network {name}: {first}") from error
    if tensors:
        raise UserError(f"{path} holds {next(iter(tensors))!r}, which belongs to no network.")
    return networks, meta


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A safetensors file; a UserError says what else it is, and what makes one of it."""
    try:
        if not path.is_file():  # a pipe would be waited for without end
            raise FileNotFoundError("it is no regular file" if path.exists() else "it is not there")
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError) as error:
        if isinstance(error, UserError):
            raise
        if isinstance(error, SafetensorError):
            with path.open("rb") as start:
                foreign = start.read(len(FOREIGN[0])).startswith(FOREIGN)
            if foreign:
                ours = path.with_suffix(".safetensors").name
                ours = ours if ours != path.name else "converted.safetensors"
                raise UserError(
                    f"{path} is no file of ours; `python -m benchmarks.convert {path} {ours}` "
                    "makes one of rosinality's, DualStyleGAN's and NVIDIA's."
                ) from error
        raise UserError(f"{path} is not a readable safetensors file: {error}.") from error


def _plans(
    text: str, path: Path, classes: Mapping[str, type[nn.Module]]
) -> dict[str, tuple[type[nn.Module], dict[str, Any]]]:
    try:
        built = json.loads(text).items()
        plans = {str(name): (classes[p["class"]], dict(p["config"])) for name, p in built}
        numbers = [v for _, config in plans.values() for v in config.values() if isinstance(v, int)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, KeyError) and error.args[0] not in ("class", "config"):
            raise UserError(
                f"{path} holds a network of the class {error.args[0]!r}, which is not known here."
            ) from error
        raise UserError(f"{path} does not say which networks it holds.") from error
    if max(numbers, default=0) > LARGEST:
        raise UserError(f"{path} describes a network that is larger than any.")
    return plans
