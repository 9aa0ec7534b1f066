import pytest
import torch

from adapters.structure import multi_resolution_mse
from benchmarks.harness.config.build import build
from core.errors import UserError


def made(composed, *words):
    cfg = composed(*words)
    source = build(cfg.source)
    with torch.no_grad():
        for name, p in source.g.named_parameters():
            if name.endswith("noise_strength"):
                p.fill_(0.5)
    return build(cfg.method, source)


def energy(adapter):
    return adapter.structure_term(adapter.noise(4))


def test_a_trainee_that_is_the_source_pays_nothing(composed):
    adapter = made(composed, "method=structure")
    for _ in range(5):  # with and without mixing, with noise
        assert energy(adapter).item() == 0


def test_the_released_loss_of_equal_networks_is_not_zero(composed):
    adapter = made(composed, "method=structure_released")
    adapter.untrained.load_state_dict(adapter.source.g.state_dict())
    assert energy(adapter).item() > 1e-3


def test_only_layers_up_to_the_highest_compared_resolution_are_pulled(composed):
    adapter = made(composed, "method=structure")
    with torch.no_grad():
        adapter.g.synthesis.b4.const.add_(0.3)
    energy(adapter).backward()
    pulled = {n for n, p in adapter.g.named_parameters() if p.grad is not None and p.grad.any()}
    assert {n.split(".")[1] for n in pulled if n.startswith("synthesis.")} == {"b4", "b8", "b16"}
    assert any(n.startswith("mapping.") for n in pulled)
    assert all(p.grad is None for p in adapter.source.parameters())


def test_the_weight_multiplies_the_loss(composed):
    values = []
    for weight in (1.0, 3.0):
        adapter = made(composed, "method=structure", f"method.structure_weight={weight}")
        with torch.no_grad():
            adapter.g.synthesis.b4.torgb.bias.add_(0.5)
        values.append(energy(adapter).item())
    assert values[1] == pytest.approx(3 * values[0])
    # The bias moves the sums of colours of all three sizes by itself, inside by exactly so much.
    assert values[0] == pytest.approx(0.75, rel=0.2)


def test_distances_add_up_over_resolutions():
    ours = {4: torch.zeros(2, 3, 4, 4), 8: torch.zeros(2, 3, 8, 8)}
    theirs = {4: torch.full((2, 3, 4, 4), 2.0), 8: torch.full((2, 3, 8, 8), 3.0)}
    assert multi_resolution_mse(ours, theirs, [4]).item() == 4
    assert multi_resolution_mse(ours, theirs, [4, 8]).item() == 13


@pytest.mark.parametrize(
    "words",
    [
        ("method=structure", "method.structure_resolutions=[4,128]"),
        ("method=structure_released", "method.structure_levels=5"),
        ("method=structure_released", "method.structure_levels=0"),
    ],
)
def test_resolutions_that_the_source_lacks_are_refused(composed, words):
    with pytest.raises(UserError, match=words[1].split("=")[0]):
        made(composed, *words)
