"""Every yaml of every group composes, and every method, source and metric can be built."""

import pytest

from benchmarks.harness.config.build import build
from core.freeze import trainable


def test_freezesg_freezes_the_first_blocks_and_nothing_else(composed):
    cfg = composed("method=freezesg")
    adapter = build(cfg.method, build(cfg.source))
    frozen = {n for n, p in adapter.g.named_parameters() if not p.requires_grad}
    assert frozen
    assert all(n.startswith(("synthesis.b4.", "synthesis.b8.")) for n in frozen)


def test_the_released_freezeg_counts_trained_blocks(composed):
    cfg = composed("method=freezeg_released")
    adapter = build(cfg.method, build(cfg.source))
    moving = {n for n, p in adapter.g.named_parameters() if p.requires_grad}
    blocks = {n.split(".")[1] for n in moving}
    assert blocks == {"b8", "b16", "b32", "b64"}


def test_freezed_trains_the_three_lowest_blocks_of_the_discriminator(composed):
    cfg = composed("method=freezed")
    adapter = build(cfg.method, build(cfg.source))
    assert len(trainable(adapter.d)) < len(list(adapter.d.parameters()))
    moving = {n.split(".")[0] for n, p in adapter.d.named_parameters() if p.requires_grad}
    assert moving == {"b16", "b8", "b4"}


@pytest.mark.parametrize("name", ["paper", "paper_all"])
def test_papers_compare_with_the_whole_set_and_the_other_evaluations_as_before(composed, name):
    assert composed("data=aahq", f"eval={name}").data.reference == 100_000
    assert composed("data=aahq", f"eval={name}", "data.reference=9").data.reference == 9
    drawn = composed("data=parafaces_webtoon", f"eval={name}").data
    assert drawn.reference == drawn.pairs
    assert composed("data=aahq", "eval=faces").data.reference == 2000
