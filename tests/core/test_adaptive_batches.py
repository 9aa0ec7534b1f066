"""Batches by memory."""

import pytest
import torch

from core.adaptive_batches import PIXELS, side_by_side, within
from core.errors import UserError


def test_no_batch_has_more_pixels_than_memory_takes():
    assert [within(16, side) for side in (64, 128, 256, 512, 1024)] == [16, 16, 16, 4, 1]
    assert within(16, 4096) == 1
    assert within(3, 256) == 3
    assert [within(64, side, 4 * PIXELS) for side in (64, 256, 1024)] == [64, 64, 4]


def test_what_is_made_side_by_side_is_what_is_made_alone_though_memory_runs_out():
    sizes = []

    def work(a, b):
        sizes.append(len(a))
        if len(a) > 2:
            raise torch.OutOfMemoryError("no")
        return a * b

    a, b = torch.arange(7.0), torch.arange(7.0) + 1
    assert torch.equal(side_by_side(work, 5, a, b), a * b)
    assert sizes == [5, 2, 2, 2, 1]

    def hopeless(a):
        raise MemoryError

    with pytest.raises(UserError, match="not enough memory for even one"):
        side_by_side(hopeless, 4, a)
