"""Both miners against the public code of MineGAN (group M)."""

import torch

from core.networks.miner import Miner, SemanticMiner
from tests.golden import formula
from tests.golden.cases import CASES, PRECISIONS, check


def filled(network, case, rules, double):
    """The network with weights [...] given as factor and name of a formula."""
    state = {}
    for name, own in network.state_dict().items():
        factor, drawn = rules[name]
        values = torch.tensor(formula.normal(CASES[case]["recipe"]["salt"], drawn, own.shape))
        state[name] = factor * values
    network.load_state_dict(state)
    return network.double() if double else network


@PRECISIONS
def test_the_miner_of_latents(double):
    n = CASES["M.miner"]["recipe"]["width"]
    rules = {"transform.0.weight": (n**-0.5, "w0"), "transform.0.bias": (0.1, "b0")}
    rules |= {"transform.2.weight": (n**-0.5, "w2"), "transform.2.bias": (0.1, "b2")}
    miner = filled(Miner(z_dim=n), "M.miner", rules, double)
    for name in ("z0", "z1"):
        z = torch.tensor(formula.normal(CASES["M.miner"]["recipe"]["salt"], name, [3, n]))
        check("M.miner", name, miner(z.double() if double else z), double)


@PRECISIONS
def test_the_miner_of_the_constant(double):
    rules = {"const": (1, "input"), "weight": (1, "conv3")}
    rules |= {"conv1.weight": (1, "conv1"), "conv1.bias": (0.1, "b1")}
    rules |= {"conv2.weight": (1, "conv2"), "conv2.bias": (0.1, "b2")}
    code = CASES["M.miner_semantic"]["recipe"]["code"]
    miner = SemanticMiner(code=code, channels=512)
    check(
        "M.miner_semantic", "out", filled(miner, "M.miner_semantic", rules, double)()[None], double
    )
