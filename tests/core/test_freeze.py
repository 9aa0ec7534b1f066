import pytest
from torch import nn

from core.errors import UserError
from core.freeze import all_but_highest, freeze, trainable
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator

CHANNELS = {4: 4, 8: 4, 16: 4, 32: 4, 64: 2, 128: 2, 256: 2}


def free(model: nn.Module) -> set[str]:
    return {name for name, p in model.named_parameters() if p.requires_grad}


@pytest.fixture(scope="module")
def d() -> Discriminator:
    return Discriminator(img_resolution=256, channels=CHANNELS)


@pytest.fixture(scope="module")
def g() -> Generator:
    return Generator(z_dim=4, w_dim=4, img_resolution=256, channels=CHANNELS, mapping_layers=2)


def test_a_pattern_freezes_what_it_names_and_nothing_else() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    assert freeze(model, ["0.*"]) is model
    assert free(model) == {"1.weight", "1.bias"}
    assert trainable(model) == [model[1].weight, model[1].bias]


def test_patterns_are_read_in_order() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    assert free(freeze(model, ["*", "!1.weight"])) == {"1.weight"}
    assert free(freeze(model, ["!*", "*.bias"])) == {"0.weight", "1.weight"}


@pytest.mark.parametrize("pattern", ["2.*", "!2.*", "weight", ""])
def test_a_pattern_that_matches_nothing_is_an_error(pattern: str) -> None:
    with pytest.raises(UserError, match="No parameter matches"):
        freeze(nn.Sequential(nn.Linear(2, 2)), [pattern])


def test_no_pattern_freezes_nothing() -> None:
    model = nn.Linear(2, 2)
    assert len(trainable(freeze(model, ()))) == 2


def test_freezed_of_three_trained_blocks_equals_the_first_ten_layers(d: Discriminator) -> None:
    """Cartoon-StyleGAN's freezeD=3 at 256 px is NVIDIA's freezed=10."""
    d.requires_grad_(True)
    freeze(d, ["*", "!b32.*", "!b16.*", "!b8.*", "!b4.*"])
    layers = ["b256.fromrgb"] + [
        f"b{r}.{part}" for r in (256, 128, 64, 32, 16, 8) for part in ("conv0", "conv1", "skip")
    ]
    frozen = {n for n, _ in d.named_parameters()} - free(d)
    assert {n.rsplit(".", 1)[0] for n in frozen} == set(layers[:10])


def test_released_freezeg_counts_the_blocks_that_train(g: Generator) -> None:
    """freezeG=4 at 256 px trains convs.4-11 and to_rgbs.2-5: 32 to 256 px."""
    g.requires_grad_(True)
    freeze(g, all_but_highest(resolution=256, blocks=4))
    blocks = {".".join(name.split(".")[:2]) for name in free(g)}
    assert blocks == {f"synthesis.b{r}" for r in (32, 64, 128, 256)}
