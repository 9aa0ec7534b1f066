"""Stage II of DualStyleGAN, made and shipped."""

import pytest

from benchmarks import assets
from core import resumable

SHORT = ("phase_steps=1", "last_steps=1", "layers=[5,4]", "batch_size=1")


@pytest.fixture
def call(tmp_path, capsys):
    """A short stage II of the shipped source, to be shipped elsewhere; gives what is said."""
    words = ["source=parafaces64", f"machine.cache={tmp_path / 'cache'}"]
    words += [f"method.pretraining.pretrained={tmp_path / 'shipped.safetensors'}"]
    words += [f"method.pretraining.transfer.{word}" for word in SHORT]

    def made():
        assert assets.main(["stage2", *words]) == 0
        return capsys.readouterr().out

    return made


def test_stage_two_is_shipped_and_from_then_on_found(call, tmp_path):
    shipped, cache = tmp_path / "shipped.safetensors", tmp_path / "cache" / "dualstylegan"
    said = call()
    assert f"{shipped.stat().st_size:,} bytes" in said
    (made,) = cache.iterdir()
    assert shipped.read_bytes() == made.read_bytes()
    assert resumable.key_of(shipped) == made.stem
    assert {name[:2] for name in resumable.load(shipped)} == {"g.", "d."}
    made.unlink()
    assert "is shipped already" in call()
    assert not list(cache.iterdir())
