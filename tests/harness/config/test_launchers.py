"""Launchers: optional, named where they are missing, light where they are not."""

from importlib.util import find_spec

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException

from benchmarks.harness.config import complaints
from core.paths import CONF


def composed(word):
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", [word], return_hydra_config=True)


def missing(plugin):
    return find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.{plugin}") is None


@pytest.mark.parametrize(
    ("launcher", "plugin", "extra"),
    [
        ("ray", "hydra_ray_launcher", "ray"),
        ("ray_local", "hydra_ray_launcher", "ray"),
        ("submitit_slurm", "hydra_submitit_launcher", "slurm"),
        ("submitit_local", "hydra_submitit_launcher", "slurm"),
    ],
)
def test_a_launcher_composes_or_is_refused_with_what_brings_it(launcher, plugin, extra):
    if not missing(plugin):
        assert plugin in composed(f"hydra/launcher={launcher}").hydra.launcher["_target_"]
        return
    with pytest.raises(HydraException) as refused:
        composed(f"hydra/launcher={launcher}")
    said = complaints.sentence(refused.value)
    assert said.endswith(f"needs a package more: pip install -e '.[{extra}]'.")


def test_extras_of_launchers_are_those_of_the_project():
    text = (CONF.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert 'slurm = ["hydra-submitit-launcher' in text
    assert 'ray = ["hydra-ray-launcher' in text


@pytest.mark.skipif(missing("hydra_ray_launcher"), reason="pip install -e '.[ray]'")
def test_ray_on_one_machine_starts_no_more_than_it_needs_and_gives_cells_their_share():
    init = composed("hydra/launcher=ray_local").hydra.launcher.ray.init
    assert (init.num_cpus, init.include_dashboard) == (1, False)
    assert init["_system_config"].worker_niceness == 0  # Ray's own is 15
