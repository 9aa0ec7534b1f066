"""Weights that are computed from others (`torch.nn.utils.parametrize`), and back to plain ones."""

import copy
from typing import TypeVar, cast

import torch
from torch import nn
from torch.nn.utils import parametrize

M = TypeVar("M", bound=nn.Module)


def is_computed(module: nn.Module) -> bool:
    """Whether it has such weights itself."""
    return parametrize.is_parametrized(module)


@torch.no_grad()
def fold(network: M) -> M:
    """The network itself, whose weights are from now on what they were computed to be. Torch's
    ``remove_parametrizations`` would take them from all copies too, which share a class.
    """
    for module in filter(is_computed, [*network.modules()]):
        plain = parametrize.type_before_parametrizations(module)
        names = [*cast(nn.ModuleDict, module.parametrizations)]
        weights = {name: getattr(module, name).clone() for name in names}
        del module.parametrizations
        module.__class__ = plain
        for name, weight in weights.items():
            module.register_parameter(name, nn.Parameter(weight, requires_grad=False))
    return network


def folded(network: M) -> M:
    """A plain copy; a plain network itself."""
    return fold(copy.deepcopy(network)) if any(map(is_computed, network.modules())) else network
