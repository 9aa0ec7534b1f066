"""Every committed record is sound, and the default job's is among them."""

import pytest

from benchmarks.harness.records import provenance
from benchmarks.harness.records.record import Record
from core.paths import ROOT

RUNS = sorted((ROOT / "results" / "runs").glob("*.json"))


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_a_committed_record_is_sound_and_clean(path):
    record = Record.read(path)
    assert record.name == path.stem
    assert not record.provenance.dirty
    assert len(record.provenance.code) == 64


def test_the_code_of_the_committed_records_is_that_of_their_commits():
    made = {(one.commit, one.code) for one in (Record.read(path).provenance for path in RUNS)}
    here = [commit for commit, _ in made if provenance.git("cat-file", "-t", commit) == "commit"]
    if not here:
        pytest.skip("this copy of the repository does not hold the commits of the records")
    assert all(provenance.code_of(commit) == code for commit, code in made if commit in here)


def test_the_default_job_reaches_a_third_of_the_unadapted_distance():
    found = [p for p in RUNS if p.name.startswith("freezesg--parafaces_webtoon--parafaces64--")]
    assert found
    for path in found:
        kid = Record.read(path).metrics["kid@parafaces"]
        assert kid.value <= kid.details.source / 3
