import pytest
import torch
import torch.nn.functional as F

from adapters.ewc import fisher_diagonal, flat, image_gradients
from benchmarks.harness.config.build import build


@pytest.fixture
def adapter(composed):
    cfg = composed("method=ewc", "method.fisher_images=8", "method.fisher_batch=8")
    return build(cfg.method, build(cfg.source))


def one_by_one(g, d, weights, z):
    """Squares of gradients, one picture at a time; its neighbours are constants."""
    total = {name: torch.zeros_like(p) for name, p in weights.items()}
    for i in range(len(z)):
        pictures = g(z)
        mask = (torch.arange(len(z)) == i)[:, None, None, None]
        mine = torch.where(mask, pictures, pictures.detach())
        likelihood = F.logsigmoid(d(mine))[i, 0]
        for name, gradient in zip(
            weights, torch.autograd.grad(likelihood, list(weights.values())), strict=True
        ):
            total[name] += gradient.square()
    return total


def test_the_fisher_information_is_that_of_every_picture_alone(adapter):
    g, d = adapter.source.g.double().requires_grad_(True), adapter.source.d.double()
    assert d.b4.mbstd_group == 4  # eight pictures are two groups
    z = torch.randn(8, g.z_dim, dtype=torch.float64)
    weights = dict(g.named_parameters())
    found = fisher_diagonal(g, d, {k: v.detach() for k, v in weights.items()}, z)
    expected = one_by_one(g, d, weights, z)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name)
    together = torch.autograd.grad(F.logsigmoid(d(g(z))).sum(), list(weights.values()))
    assert not any(
        torch.allclose(a.square(), b) for a, b in zip(together, expected.values(), strict=True)
    )


def test_a_gradient_ignores_the_other_pictures_of_the_group(adapter):
    d = adapter.source.d.double()
    images = torch.randn(8, 3, 64, 64, dtype=torch.float64)
    found = image_gradients(d, images)
    for i in (0, 5):
        leaf = images.clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(F.logsigmoid(d(leaf))[i, 0], leaf)
        torch.testing.assert_close(found[i], gradient[i])


def test_the_information_is_a_mean_over_pictures_whatever_the_batches(composed):
    cfg = composed("method=ewc", "method.fisher_images=12", "method.fisher_batch=4")
    adapter, twin = (build(cfg.method, build(cfg.source)) for _ in range(2))
    adapter.prepare(torch.zeros(0))
    g, d = twin.source.g.requires_grad_(True), twin.source.d
    weights = {name: p for name, p in g.named_parameters() if name in twin.trained_weights()}
    batches = [one_by_one(g, d, weights, twin.noise(4)) for _ in range(3)]
    expected = sum(flat(batch) for batch in batches) / 12
    torch.testing.assert_close(adapter.fisher, expected, rtol=1e-3, atol=1e-5 * expected.max())


def test_the_springs_are_at_rest_at_the_source_and_quadratic_around_it(adapter):
    adapter.prepare(torch.zeros(0))
    assert adapter.fisher.min() >= 0
    assert adapter.fisher.max() > 0
    assert adapter.penalty().item() == 0
    moved = adapter.g.synthesis.b64.torgb.bias
    with torch.no_grad():
        moved.add_(0.5)
    names = list(adapter.trained_weights())
    sizes = [p.numel() for p in adapter.trained_weights().values()]
    own = adapter.fisher.split(sizes)[names.index("synthesis.b64.torgb.bias")]
    energy = adapter.penalty()
    assert energy.item() == pytest.approx(adapter.ewc_weight * own.sum().item() * 0.25, rel=1e-4)
    energy.backward()
    torch.testing.assert_close(moved.grad, adapter.ewc_weight * own)


def test_frozen_weights_have_no_spring(composed):
    cfg = composed("method=ewc", "method.frozen_g=['mapping.*']", "method.fisher_images=4")
    adapter = build(cfg.method, build(cfg.source))
    assert not any(name.startswith("mapping.") for name in adapter.trained_weights())
    assert len(adapter.fisher) == sum(p.numel() for p in adapter.g.synthesis.parameters())
