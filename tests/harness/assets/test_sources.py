"""What is made once of a source."""

import pytest

from benchmarks import assets, exemplars


@pytest.mark.parametrize("command", [assets.main, exemplars.main])
def test_a_value_that_cannot_be_meant_is_refused_before_anything_is_made(command, capsys):
    words = ["codes"] if command is assets.main else []
    assert command([*words, "source=tiny", "data=parafaces_clay", "data.photos=-1"]) == 2
    assert "data.photos=-1 must be at least 0." in " ".join(capsys.readouterr().err.split())
