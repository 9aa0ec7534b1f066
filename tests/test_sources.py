"""Every shipped source loads, is small enough, and says whose terms it carries."""

import pytest
import torch
from hydra import compose, initialize_config_dir

from benchmarks.harness.config import validation
from benchmarks.harness.config.build import build
from core.paths import CONF, ROOT

LARGEST = 16 * 2**20  # bytes of a source, and of all that a source with terms of its own brings


def composed(*words):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(words))


def configured(name):
    return composed(f"source={name}").source


SHIPPED = [name for name in validation.choices_of("source") if "weights" in configured(name)]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_source_loads_and_makes_different_pictures(name):
    cfg = configured(name)
    assert (ROOT / cfg.weights).stat().st_size <= LARGEST
    source = build(cfg)  # refuses another checksum
    assert source.trained
    z = torch.randn(8, source.g.z_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pictures = source.g(z)
    assert pictures.shape == (8, 3, source.resolution, source.resolution)
    assert pictures.isfinite().all()
    gaps = torch.pdist(pictures.flatten(1)) / pictures[0].numel() ** 0.5
    assert gaps.min() > 0.1


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_that_are_not_ours_alone_carry_their_terms(name):
    cfg = configured(name)
    licence = (ROOT / cfg.weights).with_name(f"{name}.LICENSE.txt")
    assert licence.is_file() == (cfg.get("licence", "mit") != "mit")
    if licence.is_file():
        family = (ROOT / cfg.weights).parent.glob(f"{name}*.safetensors")
        assert sum(path.stat().st_size for path in family) <= LARGEST
        assert "non-commercial" in cfg.licence
        assert "research only" in licence.read_text()


def test_codes_of_real_people_are_not_kept():
    assert configured("parafaces64").invert.codes
    assert not configured("photo64").invert.codes


def test_peoples_own_pictures_are_framed_as_the_source_is():
    tight = composed("source=photo64", "data=folder")
    assert list(tight.data.box) == list(tight.source.box) != [0, 0, 1, 1]
    assert list(tight.data.box) == list(composed("data=metfaces_tight").data.box)
    assert list(composed("source=parafaces64", "data=folder").data.box) == [0, 0, 1, 1]
