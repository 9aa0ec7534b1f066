"""Holds an array to a reference within limits, and remembers how far away it was."""

from typing import NamedTuple

import numpy as np


class Deviation(NamedTuple):
    """The largest difference of a golden array, and the largest share of what it may differ."""

    largest: float
    share: float


DEVIATIONS: dict[tuple[str, int], Deviation] = {}
"""By name (``case.key``) and bits of precision, of all that was held so far in this process."""


def hold(
    name: str, found: np.ndarray, reference: np.ndarray, *, atol: float, rtol: float, double: bool
) -> None:
    """Fails if ``|found - reference| <= atol + rtol |reference|`` does not hold everywhere."""
    found, reference = np.asarray(found, np.float64), np.asarray(reference, np.float64)
    assert found.shape == reference.shape, name
    gap, allowed = np.abs(found - reference), atol + rtol * np.abs(reference)
    share = np.divide(gap, allowed, out=np.where(gap > 0, np.inf, 0.0), where=allowed > 0)
    worst = Deviation(float(gap.max(initial=0)), float(share.max(initial=0)))
    key = (name, 64 if double else 32)
    DEVIATIONS[key] = max(worst, DEVIATIONS.get(key, worst), key=lambda d: d.share)
    np.testing.assert_allclose(found, reference, atol=atol, rtol=rtol, err_msg=name)
