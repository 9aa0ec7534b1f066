"""State dicts of other implementations to our networks and back. The architecture is read off the
shapes. Every entry must be present, used and well shaped, but filters may be absent, since they
never differ, and counters of batches.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from core.convert.format import CheckpointError, Config, Format, Network
from core.convert.names import FORMATS
from core.networks.layers import TAPS
from core.ops import setup_filter


def from_state_dict(
    state: Mapping[str, Any], *, format: str, latent_avg: Any = None, **arch: Any
) -> Network:
    """Network of a foreign state dict of tensors or arrays, in one of ``FORMATS``. ``arch`` adds
    what shapes do not tell (``conv_clamp``, ``mbstd_group``); ``latent_avg`` [W] is the average
    style, which rosinality's files keep beside it.
    """
    foreign = _format(format)
    entries = {name: torch.as_tensor(value) for name, value in state.items()}
    config = foreign.architecture({name: tuple(value.shape) for name, value in entries.items()})
    with torch.device("meta"):  # takes no memory, whatever the shapes say
        plan = _build(foreign.network, config, arch, format)
    values = _match(entries, foreign, plan, format)
    network = _build(foreign.network, config, arch, format)
    own = network.state_dict()
    if latent_avg is not None:
        name = next((key for key in own if key.endswith("mapping.w_avg")), "")
        values[name] = torch.as_tensor(latent_avg).flatten()
        if not name:
            raise CheckpointError(f"{format}: a discriminator has no latent_avg.")
        if values[name].shape != own[name].shape:
            raise CheckpointError(f"{format}: latent_avg has {len(values[name])} numbers, not W.")
    if {v.dtype for v in values.values() if v.is_floating_point()} == {torch.float64}:
        network.double()
    network.load_state_dict({**own, **values})
    return network


def _match(
    entries: dict[str, Tensor], foreign: Format, plan: Network, format: str
) -> dict[str, Tensor]:
    names, filters = foreign.names(plan.config), foreign.filters(plan.config)
    own = plan.state_dict()
    for name, total in filters.items():
        usual = setup_filter(TAPS) * total  # 1e-6: in float32, however its sum was taken
        value = entries.get(name, usual)
        if value.shape != usual.shape or not torch.allclose(value.float(), usual, atol=1e-6):
            raise CheckpointError(f"{format}: entry {name!r} is not the filter 1, 3, 3, 1.")
    for name in sorted(set(entries) - set(names) - set(filters)):
        raise CheckpointError(f"{format}: entry {name!r} belongs to no layer.")
    values = {}
    for name, ours in names.items():
        if name not in entries:
            if name.endswith(foreign.optional):
                continue
            raise CheckpointError(f"{format}: entry {name!r} is missing.")
        value, shape = entries[name], foreign.foreign_shape(name, tuple(own[ours].shape))
        if (actual := tuple(value.shape)) != shape:
            raise CheckpointError(f"{format}: entry {name!r} has shape {actual}, not {shape}.")
        if value.is_floating_point() != own[ours].is_floating_point():
            raise CheckpointError(f"{format}: entry {name!r} has numbers of type {value.dtype}.")
        if not value.isfinite().all():
            raise CheckpointError(f"{format}: entry {name!r} holds numbers that are not finite.")
        values[ours] = value.reshape(own[ours].shape)
    return values


def to_state_dict(module: Network, *, format: str) -> dict[str, Tensor]:
    """Foreign state dict, filters included; store ``mapping.w_avg`` beside rosinality's."""
    foreign = _format(format)
    if not isinstance(module, foreign.network):
        kind, other = foreign.network.__name__, type(module).__name__
        raise CheckpointError(f"{format} is the format of a {kind}, not a {other}.")
    own = module.state_dict()
    state = {}
    for name, ours in foreign.names(module.config).items():
        value = own[ours].detach().cpu()
        state[name] = value.reshape(foreign.foreign_shape(name, tuple(value.shape))).clone()
    for name, total in foreign.filters(module.config).items():
        state[name] = setup_filter(TAPS) * total
    return state


def _format(format: str) -> Format:
    if format not in FORMATS:
        raise CheckpointError(f"Unknown format {format!r}; known are {', '.join(FORMATS)}.")
    return FORMATS[format]


def _build(network: type[Network], config: Config, arch: Config, format: str) -> Network:
    for key, value in arch.items():
        expected = {int(r): int(c) for r, c in value.items()} if key == "channels" else value
        if (read := config.get(key, expected)) != expected:
            reason = f"the shapes say {key} = {read}, the caller says {expected}"
            raise CheckpointError(f"{format}: {reason}.")
    try:
        return network(**{**config, **arch})
    except (TypeError, ValueError, ZeroDivisionError, RuntimeError) as error:
        first = str(error).partition("\n")[0]
        raise CheckpointError(f"{format}: no such network ({first}).") from error
