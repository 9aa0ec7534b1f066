import subprocess
import sys

import pytest
import torch

from benchmarks import doctor
from benchmarks.harness.io import external_weights, machine


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path))
    return tmp_path / "weights"


def test_every_entry_of_the_list_is_complete():
    entries = external_weights.listed()
    assert len({entry.file for entry in entries.values()}) == len(entries)
    for entry in entries.values():
        assert entry.kind in external_weights.without()
        assert entry.licence
        assert entry.by_hand
        assert entry.unlocks
        assert all(place.startswith("https://") for place in entry.places)
        assert entry.bytes is None or entry.bytes > 0
        assert entry.sha256 is None or len(entry.sha256) == 64
        assert isinstance(entry.commercial, bool)


def test_a_missing_file_is_told_with_place_folder_and_licence(empty):
    entry = external_weights.listed()["psp"]
    text = "\n".join(doctor.described(entry))
    assert "encoder, missing" in text
    for part in (entry.by_hand, entry.places[0], entry.licence, str(empty / entry.file)):
        assert part in text


def test_a_file_that_is_there_is_present_or_damaged_by_its_length(empty):
    empty.mkdir()
    unknown, known = external_weights.listed()["psp"], external_weights.listed()["mtcnn-p"]
    unknown.path.write_bytes(b"any")
    known.path.write_bytes(b"short")
    assert unknown.state == "present"
    assert known.state == f"damaged: 5 bytes instead of {known.bytes}"
    known.path.write_bytes(bytes(known.bytes))
    assert known.state == "present"
    assert known.licence not in "\n".join(doctor.described(known))


def test_versions_and_devices_are_those_that_torch_says():
    assert torch.__version__.startswith(machine.versions()["torch"])
    found = machine.devices()
    assert machine.vector_unit() in torch.backends.cpu.get_cpu_capability()
    assert f"{machine.cores()} cores" in found["cpu"]
    assert any(name.startswith("cuda:") for name in found) == torch.cuda.is_available()


def test_the_command_prints_everything_once(empty):
    command = [sys.executable, "-m", "benchmarks.doctor"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for name in external_weights.listed():
        assert f"\n{name} " in done.stdout
    assert "operators " in done.stdout
    assert str(empty) in done.stdout
    assert not empty.exists()
