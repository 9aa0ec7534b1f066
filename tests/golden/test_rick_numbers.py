"""Which kernels are frozen and which removed, against the public code of RICK (group M)."""

import numpy as np
import pytest
import torch

from adapters.rick import KernelSelectionReleased, score
from tests.golden import formula
from tests.golden.cases import CASES, check, ids

WIDTHS = [4, 6, 5]


def layers(salt, estimate):
    """Of each kind, the public code's keys of a layer and the squared gradients of its tensors."""

    def squares(name, shape):
        drawn = formula.normal(salt, f"{estimate}/{name}", shape)
        return torch.tensor(drawn).double().square()

    convolutions, styles, own = {}, {}, {}
    for b in range(12):
        name, width, out = f"convs.{b}.conv", WIDTHS[b % 3], WIDTHS[(b + 1) % 3]
        convolutions[f"{name}.weight",] = (squares(f"{name}.weight", [out, width, 3, 3]),)
        styles[f"{name}.modulation.weight", f"{name}.modulation.bias"] = (
            squares(f"{name}.mod", [width, 8]),
            squares(f"{name}.modb", [width]),
        )
    for b in range(1, 7):
        for k in (1, 2):
            name = f"convs.{b}.conv{k}"
            own[f"{name}.{k - 1}.weight", f"{name}.{k}.bias"] = (
                squares(f"{name}.weight", [out, width, 3, 3]),
                squares(f"{name}.bias", [out]),
            )
        name = f"convs.{b}.skip"
        own[f"{name}.1.weight",] = (squares(f"{name}.weight", [out, width, 1, 1]),)
    return convolutions, styles, own


def listed(*masks):
    """By the public code's keys in sorted order: -1, then which kernels."""
    by_key = {key: mask for one in masks for keys, mask in one.items() for key in keys}
    parts = [[-1, *by_key[key].nonzero().flatten().tolist()] for key in sorted(by_key)]
    return np.concatenate(parts)


@pytest.mark.parametrize("case", ids("M.rick_select"))
def test_what_is_frozen_trained_and_removed_for_good(case):
    recipe = CASES[case]["recipe"]
    numbers = {"freeze_above": recipe["freeze_above"], "prune_up_to": recipe["prune_up_to"]}
    select, gone = KernelSelectionReleased(**numbers), {}
    for estimate in (0, 1):
        kinds, lines, chosen = layers(recipe["salt"], estimate), [], {"freeze": [], "prune": []}
        for kind in kinds:
            lines += select.lines([score(layer) for layer in kind.values()])
            for name, masks in zip(chosen, select([*kind.values()]), strict=True):
                chosen[name].append(dict(zip(kind, masks, strict=True)))
        check(case, f"{estimate}.lines", torch.stack(lines), double=True)
        for name, masks in chosen.items():
            check(case, f"{estimate}.{name}_g", listed(*masks[:2]), double=True)
            check(case, f"{estimate}.{name}_d", listed(masks[2]), double=True)
        tuned = [
            {keys: ~(frozen[keys] | pruned[keys]) for keys in frozen}
            for frozen, pruned in zip(chosen["freeze"], chosen["prune"], strict=True)
        ]
        check(case, f"{estimate}.tune_g", listed(*tuned[:2]), double=True)
        for masks in chosen["prune"]:
            for keys, pruned in masks.items():
                gone[keys] = gone.get(keys, False) | pruned
        own = {keys for keys in gone if keys in kinds[2]}
        check(case, f"{estimate}.zero_g", listed({k: gone[k] for k in gone.keys() - own}), True)
        check(case, f"{estimate}.zero_d", listed({k: gone[k] for k in own}), True)
