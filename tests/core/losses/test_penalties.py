import math

import pytest
import torch
from torch import Tensor, nn

from core.augment import Fixed
from core.losses.adversarial import logistic_d
from core.losses.penalties import R1, NoPathLength, PathLength
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator

DOUBLE = torch.float64


def plain(images: Tensor) -> Tensor:
    return images


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class LinearD(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3 * 4 * 4, 1, generator=rng(), dtype=DOUBLE))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.weight


class LinearG(nn.Module):
    """Images [N, 1, 2, 2] that are ``gain`` times a linear function of styles [N, 2, 3]."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain, dtype=DOUBLE))
        self.matrix = torch.randn(6, 4, generator=rng(), dtype=DOUBLE)

    def forward(self, ws: Tensor) -> Tensor:
        return (self.gain * (ws.flatten(1) @ self.matrix)).reshape(-1, 1, 2, 2)

    def lengths(self, n: int, generator: torch.Generator) -> Tensor:
        noise = torch.randn(n, 1, 2, 2, generator=generator).double() / 2
        slopes = noise.flatten(1) @ self.matrix.t()  # [N, 6]
        return slopes.reshape(n, 2, 3).square().sum(2).mean(1).sqrt()


def test_r1_of_a_linear_discriminator_is_its_weight_norm() -> None:
    d = LinearD()
    penalty = R1(gamma=3.0, every=16)(d, torch.zeros(5, 3, 4, 4, dtype=DOUBLE), plain)
    torch.testing.assert_close(penalty, d.weight.square().sum() * 3 / 2 * 16)


def test_r1_is_taken_at_the_images_before_they_are_augmented() -> None:
    """An augmentation that doubles contrast doubles the slope, which the penalty sees."""
    d, reals = LinearD(), torch.zeros(2, 3, 4, 4, dtype=DOUBLE)
    r1 = R1(gamma=1.0, every=1)
    torch.testing.assert_close(r1(d, reals, lambda x: 2 * x), 4 * r1(d, reals, plain))


def test_lazy_penalties_sum_to_the_eager_one() -> None:
    d, reals = LinearD(), torch.rand(4, 3, 4, 4, generator=rng(), dtype=DOUBLE)
    lazy, eager = R1(gamma=1.0, every=16), R1(gamma=1.0, every=1)
    paid = {r: sum(r(d, reals, plain) for s in range(32) if r.due(s)) for r in (lazy, eager)}
    torch.testing.assert_close(paid[lazy], paid[eager])


def test_r1_has_the_gradient_of_finite_differences() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        d = Discriminator(img_resolution=8, channels={4: 3, 8: 2}).double()
    reals = torch.rand(4, 3, 8, 8, generator=rng(), dtype=DOUBLE) * 2 - 1
    names = ["b8.conv0.weight", "b8.fromrgb.bias", "b4.out.weight"]
    parameters = dict(d.named_parameters())

    def penalty(*values: Tensor) -> Tensor:
        changed = dict(zip(names, values, strict=True))
        return R1(gamma=2.0, every=1)(
            lambda x: torch.func.functional_call(d, changed, (x,)), reals, plain
        )

    values = [parameters[name].detach().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(penalty, values, eps=1e-6, atol=1e-5)


def test_r1_through_the_augmentations_reaches_every_parameter() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        d = Discriminator(img_resolution=16, channels={4: 4, 8: 4, 16: 4})
    augment = Fixed(pipeline="bgc", p=1.0, seed=0)
    reals = torch.rand(4, 3, 16, 16, generator=rng()) * 2 - 1
    # The last bias and what only shifts logits have no part in the slope.
    R1(gamma=1.0, every=1)(d, reals, augment).backward()
    assert all(p.grad.isfinite().all() for p in d.parameters() if p.grad is not None)
    assert all(p.grad.abs().sum() > 0 for n, p in d.named_parameters() if n.endswith("weight"))


def test_path_length_of_a_linear_generator_is_known() -> None:
    g, ws = LinearG(1.5), torch.zeros(6, 2, 3, dtype=DOUBLE, requires_grad=True)
    path = PathLength(weight=2.0, every=4, decay=0.01, shrink=2).double()
    path.mean.fill_(0.7)
    lengths = 1.5 * g.lengths(6, rng(1))
    mean = 0.7 + 0.01 * (lengths.mean() - 0.7)
    penalty = path(g, ws, rng(1))
    torch.testing.assert_close(penalty, (lengths - mean).square().mean() * 8)
    torch.testing.assert_close(path.mean, mean)
    assert not path.mean.requires_grad


def test_path_length_gradient_flows_through_the_running_mean() -> None:
    g, ws = LinearG(1.5), torch.zeros(6, 2, 3, dtype=DOUBLE, requires_grad=True)
    path = PathLength(weight=1.0, every=1, decay=0.01, shrink=1).double()
    path(g, ws, rng(1)).backward()
    base = g.lengths(6, rng(1))
    mean = 0.01 * 1.5 * base.mean()
    slope = 2 * (1.5 * base - mean) * (base - 0.01 * base.mean())
    torch.testing.assert_close(g.gain.grad, slope.mean())


def test_path_length_works_below_a_frozen_mapping_network() -> None:
    g = LinearG(1.0)
    path = PathLength(weight=1.0, every=1, decay=0.01, shrink=1).double()
    path(g, torch.zeros(2, 2, 3, dtype=DOUBLE), rng()).backward()
    assert g.gain.grad is not None


def test_path_length_reaches_the_mapping_network() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        g = Generator(
            z_dim=4, w_dim=4, img_resolution=16, channels={4: 4, 8: 4, 16: 4}, mapping_layers=2
        )
    path = PathLength(weight=2.0, every=4, decay=0.01, shrink=2)
    z = torch.randn(path.batch(4), 4, generator=rng())
    path(g.synthesis, g.mapping(z), rng()).backward()
    for name in ("mapping.fc0.weight", "synthesis.b4.const", "synthesis.b16.conv1.weight"):
        assert g.get_parameter(name).grad.abs().sum() > 0, name


def test_the_running_mean_resumes() -> None:
    path = PathLength(weight=2.0, every=4, decay=0.01, shrink=2)
    path.mean.fill_(0.25)
    again = PathLength(weight=2.0, every=4, decay=0.01, shrink=2)
    again.load_state_dict(path.state_dict())
    assert float(again.mean) == 0.25


def test_a_penalty_is_due_every_so_many_steps_and_uses_part_of_the_batch() -> None:
    path = PathLength(weight=2.0, every=4, decay=0.01, shrink=2)
    assert [s for s in range(9) if path.due(s)] == [0, 4, 8]
    assert [path.batch(n) for n in (1, 2, 7, 16)] == [1, 1, 3, 8]


def test_no_path_length_is_never_due() -> None:
    nothing = NoPathLength(every=math.inf)
    assert not any(nothing.due(s) for s in range(100))
    assert nothing(plain, torch.zeros(1, 2, 3), rng()).item() == 0


def test_penalties_leave_half_precision() -> None:
    d, reals = LinearD().float(), torch.zeros(2, 3, 4, 4, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        penalty = R1(gamma=1.0, every=1)(d, reals, plain)
    assert penalty.dtype == torch.float32
    assert penalty.item() == pytest.approx(d.weight.square().sum().item() / 2, rel=1e-5)


def test_a_discriminator_that_pays_r1_still_learns() -> None:
    d = LinearD()
    reals = torch.rand(8, 3, 4, 4, generator=rng(), dtype=DOUBLE)
    optimizer = torch.optim.SGD(d.parameters(), lr=0.05)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = logistic_d(d(reals), d(-reals))
        (loss + R1(gamma=0.1, every=1)(d, reals, plain)).backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
