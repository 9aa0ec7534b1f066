"""The probability of pseudo-reals and their mixture against the public code of APA (group M)."""

import pytest
import torch

from adapters.apa import Deception, replaced
from core.bounds import LARGEST
from tests.golden import formula
from tests.golden.cases import CASES, PRECISIONS, check, ids


@pytest.mark.parametrize(("case", "share"), [("M.apa_p.a", 0.7), ("M.apa_p.b", 0.85)])
def test_the_probability_follows_the_signs_of_four_batches(case, share):
    recipe = CASES[case]["recipe"]
    n, salt = recipe["batch"], recipe["salt"]
    signs = torch.tensor(formula.signs(salt, "signs", [24, 4, n], share))
    signs[12:] = torch.tensor(formula.signs(salt, "late", [12, 4, n], 0.6))
    numbers = {"target": recipe["target"], "kimg": recipe["kimg"]}
    deception = Deception(**numbers, every=4, p_max=LARGEST, seed=0).double()
    found = []
    for four in signs.double():
        for batch in four:
            deception.observe(batch)
        found.append(deception.p.item())
    check(case, "p", torch.tensor(found), double=True)


@PRECISIONS
@pytest.mark.parametrize("case", ids("M.apa_mix"))
def test_whole_fakes_take_the_place_of_reals(case, double):
    salt, p = CASES[case]["recipe"]["salt"], CASES[case]["recipe"]["p"]
    images = [torch.tensor(formula.image(salt, n, [6, 3, 8, 8], 4)) for n in ("real", "fake")]
    drawn = torch.tensor(formula.uniform(salt, "u", [6, 1, 1, 1]))
    check(case, "out", replaced(*images, drawn, p), double)
