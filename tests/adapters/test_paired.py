"""Latents that name pictures."""

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.harness.config.build import build

BATCH = 4


@pytest.fixture
def paired(composed):
    def made(*words):
        cfg = composed("method=paired", f"method.batch_size={BATCH}", *words)
        return build(cfg.method, build(cfg.source)), cfg

    return made


def test_a_named_latent_begins_with_its_normals_and_has_the_usual_length(paired):
    adapter, _ = paired()
    normals = torch.rand(50, 3, generator=torch.Generator().manual_seed(1)) * 2 - 1
    z = adapter.latents_of(normals)
    assert torch.equal(z[:, :3], normals)
    assert torch.allclose(z.square().mean(dim=1), torch.ones(50), atol=1e-5)


def test_normals_longer_than_the_latent_are_refused(paired):
    adapter, _ = paired()
    with pytest.raises(ValueError, match="leave no room"):
        adapter.latents_of(torch.randn(2, adapter.source.g.z_dim))


def test_the_distance_of_a_picture_from_itself_is_nothing(paired):
    adapter, _ = paired()
    picture = torch.rand(2, 3, 64, 64) * 2 - 1
    assert float(adapter.distance(picture, picture)) == pytest.approx(0, abs=1e-6)
    shifted = adapter.distance(picture * 0, picture * 0 + 0.1)
    assert float(shifted) >= 0.1 * adapter.levels - 1e-6


class Two:
    """Two pictures, black and white, with the numbers that they stand for."""

    def __init__(self, steps, resolution):
        self.known = torch.tensor([[2.0, -2.0], [-2.0, 2.0]])
        self.pixels = torch.tensor([-0.8, 0.8])[:, None, None, None].expand(2, 3, *[resolution] * 2)
        self.steps = steps

    def loader(self):
        ids = torch.arange(self.steps * BATCH) % 2
        return DataLoader(TensorDataset(self.pixels[ids], ids), batch_size=BATCH)


def test_the_regression_tells_pictures_apart_by_their_numbers(paired):
    import lightning as L

    class Data(L.LightningDataModule):
        two = Two(steps=60, resolution=64)

        def train_dataloader(self):
            return self.two.loader()

        def normals(self, ids):
            return self.two.known[ids]

    adapter, cfg = paired(
        "method.adversarial_from=1000", "method.perceptual=0", "method.ema.half_life_kimg=0.01"
    )
    data = Data()
    d_before = [p.clone() for p in adapter.d.parameters()]
    build(cfg.machine.trainer, callbacks=[], logger=False).fit(adapter, datamodule=data)
    adapter.eval()
    with torch.no_grad():
        black, white = adapter.sample(adapter.latents_of(data.two.known)).mean(dim=(1, 2, 3))
    assert float(black) < -0.3 < 0.3 < float(white)
    assert all(torch.equal(a, b) for a, b in zip(d_before, adapter.d.parameters(), strict=True))
