"""The sheet of a run: where its pictures stand, and that none stands on a line of text."""

import numpy as np
import torch

from benchmarks.harness.io import contact_sheet
from benchmarks.harness.io.contact_sheet import GAP, LABEL, MARGIN, Band


def grey(level, n=3, side=64):
    return np.full((n, side, side, 3), level, np.uint8)


def test_people_stand_below_the_pairs_with_their_numbers(tmp_path):
    shots, fakes = torch.full((2, 3, 64, 64), -1.0), torch.zeros(6, 3, 64, 64)
    people = Band("people", [grey(10), grey(20), grey(30)], ["0.1", "0.2", "0.3"], "all of them")
    sheet = contact_sheet.of_run(shots, fakes + 0.5, fakes, "title", 3, 2, people)
    contact_sheet.save(tmp_path / "sheet.png", sheet)
    bands = contact_sheet.cut(tmp_path / "sheet.png")
    assert [[len(row) for row in rows] for rows in bands] == [[2], [3, 3], [3, 3], [3, 3, 3]]
    for row, level in zip(bands[-1], (10, 20, 30), strict=True):
        assert {picture.getextrema()[0] for picture in row} == {(level, level)}
    below = np.asarray(sheet)[-MARGIN - 2 * LABEL : -MARGIN].min(axis=(1, 2))
    assert below[:LABEL].min() < 128  # the numbers
    assert below[LABEL:].min() < 128  # the words


def test_a_band_without_a_title_takes_no_line():
    sheet = contact_sheet.stack([Band("first", [grey(0)]), Band("", [grey(0)])], 64)
    ((first, _),), ((second, _),) = contact_sheet.layout(sheet)[1]
    assert first == MARGIN + LABEL
    assert second == first + 64 + GAP + MARGIN
    assert sheet.height == second + 64 + GAP + MARGIN
