"""Training an encoder: it learns, in W+ and in Z+, and is exported with its steps."""

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.harness.config.build import build


@pytest.fixture
def trained(composed):
    def fit(method, images, bf16=False):
        words = (f"method={method}", f"method.images={images}", "method.batch_size=4")
        words += (f"method.bf16={bf16}",)  # 5 times slower without such arithmetic in the processor
        cfg = composed(*words, "method.steps.probes=32", "method.loss.code=1.0", "method.lr=0.005")
        adapter = build(cfg.method, build(cfg.source))
        before = left(adapter)
        shots = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
        ids = torch.arange(images) % 4
        loader = DataLoader(TensorDataset(shots[ids], ids), batch_size=4)
        build(cfg.machine.trainer, callbacks=[], logger=False).fit(adapter, loader)
        return adapter.eval(), before, left(adapter)

    return fit


@torch.no_grad()
def left(adapter):
    """How far the codes of generated pictures are from the styles that they show."""
    g = adapter.source.g
    ws = g.mapping(torch.randn(32, g.z_dim, generator=torch.Generator().manual_seed(9)))
    adapter.encoder.eval()
    found = adapter.w_distance(adapter.encoder.styles(g, g.synthesis(ws)), ws).item()
    adapter.encoder.train()
    return found


@pytest.mark.parametrize(
    "method", ["encoder", pytest.param("encoder_zplus", marks=pytest.mark.exhaustive)]
)
def test_an_encoder_learns_the_styles_of_generated_pictures(trained, method):
    adapter, before, after = trained(method, 80)
    assert after < 0.9 * before
    photos = adapter.source.g(torch.randn(2, adapter.source.g.z_dim))
    assert adapter.stylise(photos).shape == photos.shape


def test_the_export_holds_the_encoder_with_the_steps_of_its_source(trained):
    adapter, _, _ = trained("encoder", 8)
    exported = adapter.export()
    assert set(exported) == {"encoder"}
    steps = exported["encoder"].steps
    assert not torch.equal(steps, torch.eye(16).expand_as(steps))
    torch.testing.assert_close(steps, steps.mT)


@pytest.mark.exhaustive
def test_mixed_precision_trains_too(trained):
    adapter, before, after = trained("encoder", 80, bf16=True)
    assert all(p.dtype == torch.float32 for p in adapter.encoder.parameters())
    assert after < 0.95 * before


def test_an_encoder_without_generated_pictures_is_refused(composed):
    cfg = composed("method=encoder", "method.generated=0")
    with pytest.raises(Exception, match=r"method\.generated=0"):
        build(cfg.method, build(cfg.source))
