"""What `core` offers by plain names, and that asking for `core` alone costs nothing."""

import subprocess
import sys

import pytest

import core
from core.paths import ROOT

NAMES = {
    "ADA", "EMA", "Discriminator", "DualStyleGAN", "Generator", "Source", "UserError", "load",
    "augment", "convert", "editing", "inversion", "losses", "networks", "ops",
}  # fmt: skip


def test_the_public_names_are_these():
    assert set(core.__all__) == set(dir(core)) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_public_name_is_what_it_says(name):
    found = getattr(core, name)
    if name in core.PACKAGES:
        assert found.__name__ == f"core.{name}"
        assert found.__doc__  # its charter
    else:
        assert found.__name__ == name
        assert found.__doc__


def test_another_name_is_refused_with_those_that_there_are():
    with pytest.raises(AttributeError, match=r"core has no 'Generater'; it has .*Generator"):
        core.Generater  # noqa: B018


def test_importing_core_imports_no_torch():
    line = "import sys, core; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line], cwd=ROOT, check=False).returncode == 0
