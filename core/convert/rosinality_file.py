"""Rosinality's and DualStyleGAN's ``.pt`` files: state dicts ``g_ema``, ``g``, ``d`` and the
average style; and the generators of files that lay them elsewhere (pSp, BasicSR). Training
snapshots have no average style, files from other hands often no noise maps: these are computed and
drawn here from fixed seeds, and the notes say so. What belongs to training is passed over.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from core.convert.format import GROUP, CheckpointError, Network
from core.convert.names import FORMATS, PREFIX
from core.convert.stand_ins import TensorReader
from core.convert.states import from_state_dict, to_state_dict
from core.networks.discriminator import Discriminator
from core.networks.dualstylegan import DualStyleGAN
from core.networks.generator import Generator, channel_table

PARTS = ("g_ema", "g", "d")
WRITTEN = {Generator: "rosinality_g", Discriminator: "rosinality_d", DualStyleGAN: "dualstylegan"}
WRAPPERS = ("params_ema", "state_dict")  # of BasicSR, and of pSp and its relatives
DECODER = "decoder."
STYLES = 4096  # generate.py: what rosinality averages over when it truncates


def read(tree: Any, tensors: TensorReader) -> tuple[dict[str, Network], dict[str, str]]:
    """Networks and notes of a file's tree; a bare state dict is told by its names."""
    if not isinstance(tree, dict):
        raise CheckpointError("it holds no state dicts")
    notes: dict[str, str] = {}
    average = tree.get("latent_avg")
    wrapped = (tree[name] for name in WRAPPERS if isinstance(tree.get(name), dict))
    tree = tree if any(part in tree for part in PARTS) else next(wrapped, tree)
    decoder = {name: value for name, value in tree.items() if str(name).startswith(DECODER)}
    if decoder:  # pSp's: beside its generator lies an encoder
        tree = {name.removeprefix(DECODER): value for name, value in decoder.items()}
        notes["encoder"] = "all but the decoder of this file was passed over"
    parts = {part: tree[part] for part in PARTS if tree.get(part) is not None}
    if not parts:
        parts = {_part_of(tree): tree}
    networks: dict[str, Network] = {}
    for part, entries in parts.items():
        state = tensors.state_dict(entries, part)
        dual = any(name.startswith(PREFIX) for name in state)
        g_format = "dualstylegan" if dual else "rosinality_g"
        format = "rosinality_d" if part == "d" else g_format
        noise = _missing_noise(state) if format == "rosinality_g" else {}
        if noise:
            notes["noise"] = f"{len(noise)} noise maps are missing and were drawn with seed 0"
        networks[part] = from_state_dict({**state, **noise}, format=format)
    generators = [g for network in networks.values() for g in _generators(network)]
    w_avg = None if average is None or not generators else _average(tensors, average)
    if w_avg is None and generators:
        notes["w_avg"] = f"the average style was missing and is the mean of {STYLES}, seed 0"
    for g in generators:
        if w_avg is not None and (w_avg.numel() != g.w_dim or not w_avg.is_floating_point()):
            raise CheckpointError(f"entry 'latent_avg' has {w_avg.numel()} numbers, not {g.w_dim}")
        g.mapping.w_avg.copy_(_mean_style(g) if w_avg is None else w_avg.flatten())
    return networks, notes


def _average(tensors: TensorReader, average: Any) -> Tensor:
    """The average style [W], also where it is kept as often as there are rows [L, W] (pSp)."""
    value = tensors.tensor(average, "latent_avg")
    if value.ndim == 2 and len(value) and bool((value == value[0]).all()):
        value = value[0]
    if value.is_floating_point() and not value.isfinite().all():
        raise CheckpointError("entry 'latent_avg' holds numbers that are not finite")
    return value


def tree_of(networks: Mapping[str, Network]) -> tuple[dict[str, Any], list[str]]:
    """What to save, and in sentences what rosinality's networks cannot express."""
    tree: dict[str, Any] = {}
    lost: list[str] = []
    for part, network in networks.items():
        if part not in PARTS or type(network) not in WRITTEN:
            lost.append(f"{part}: rosinality's files have no place for it")
            continue
        tree[part] = to_state_dict(network, format=WRITTEN[type(network)])
        lost += [f"{part}: {sentence}" for sentence in _inexpressible(network)]
    if not tree:
        raise CheckpointError("There is no g_ema, g or d, which is what rosinality's files hold.")
    for part in ("g_ema", "g"):
        for g in _generators(networks[part]) if part in tree else ():
            tree.setdefault("latent_avg", g.mapping.w_avg.detach().cpu().clone())
    return tree, lost


def _generators(network: Network) -> list[Generator]:
    inside = network.generator if isinstance(network, DualStyleGAN) else network
    return [inside] if isinstance(inside, Generator) else []


def _inexpressible(network: Network) -> list[str]:
    config, lost = network.config, []
    if config.get("conv_clamp") is not None:
        lost.append(f"rosinality's layers do not clamp at {config['conv_clamp']}")
    if isinstance(network, Discriminator) and config["mbstd_group"] != GROUP:
        lost.append(f"rosinality's minibatch deviation has groups of {GROUP}, always")
    if _generators(network) and config["z_dim"] != config["w_dim"]:
        lost.append("rosinality's class knows one width for z and w")
    usual = [channel_table(config["img_resolution"], base, 512) for base in (16384, 32768)]
    if config["channels"] not in usual:
        lost.append("rosinality's class knows the channels of config-e and config-f only")
    return lost


def _part_of(tree: dict[str, Any]) -> str:
    names = {name.removeprefix("module.") for name in tree}
    if names & {"conv1.conv.weight", f"{PREFIX}conv1.conv.weight"}:
        return "g_ema"
    if "final_conv.0.weight" in names:
        return "d"
    first = ", ".join(repr(name[:40]) for name in list(tree)[:4]) or "nothing"
    raise CheckpointError(f"it holds none of g_ema, g and d (but {first})")


def _missing_noise(state: dict[str, Tensor]) -> dict[str, Tensor]:
    format = FORMATS["rosinality_g"]
    config = format.architecture({name: tuple(v.shape) for name, v in state.items()})
    rng = torch.Generator().manual_seed(0)
    noise = {}
    for name, ours in format.names(config).items():
        if name.startswith("noises.") and name not in state:
            side = int(ours.split(".")[1].removeprefix("b"))
            noise[name] = torch.randn((1, 1, side, side), generator=rng)
    return noise


@torch.no_grad()
def _mean_style(g: Generator) -> Tensor:
    z = torch.randn((STYLES, g.z_dim), generator=torch.Generator().manual_seed(0))
    total = torch.stack([g.mapping.style(part).double().sum(0) for part in z.split(256)]).sum(0)
    return total / STYLES
