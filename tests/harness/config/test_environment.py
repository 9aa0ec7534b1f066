"""Variables of the environment: used, and written down nowhere, but for numbers."""

import pytest
from omegaconf import OmegaConf

from benchmarks.harness.config import environment
from benchmarks.harness.config.compose import compose
from core.errors import UserError

SECRET = "hunter2"
WORDS = (
    "logger=wandb", "logger.project=${oc.env:WORD}", "data=folder", "data.root=/x/${oc.env:WORD}/y",
    "data.photos_root=${data.root}", "folder=${oc.env:WORD}",
    'method.lr="${oc.decode:${oc.env:NUMBER}}"',
)  # fmt: skip


@pytest.fixture(autouse=True)
def _variables(monkeypatch):
    monkeypatch.setenv("WORD", SECRET)
    monkeypatch.setenv("NUMBER", "0.25")


def test_a_record_holds_the_words_and_a_run_what_they_say():
    job = compose(WORDS)
    assert job.cfg.logger.project == SECRET
    assert job.cfg.data.photos_root == f"/x/{SECRET}/y"
    assert job.place.folder.parts[0] == SECRET  # where it really lies
    kept = job.run_id
    assert SECRET not in str(kept.config) + str(kept.head)
    assert kept.config["data"]["photos_root"] == "/x/${oc.env:WORD}/y"
    assert kept.config["folder"] == "${oc.env:WORD}"
    assert "logger.project=${oc.env:WORD}" in job.words


def test_a_number_of_a_variable_is_that_number_in_the_record_and_in_the_id(monkeypatch):
    job = compose(WORDS)
    assert job.unresolved["method"]["lr"] == job.run_id.config["method"]["lr"] == 0.25
    monkeypatch.setenv("NUMBER", "0.5")
    assert compose(WORDS).place.recipe != job.place.recipe


def test_a_source_of_other_weights_has_the_name_of_their_file_or_its_own():
    def named(*words):
        return compose(["method=finetune", *words])

    assert named().source == "parafaces64"
    assert named("source.weights=/x/ffhq256.pt", "source.resolution=256").source == "ffhq256"
    mine = named("source.weights=/x/a.pt", "source.name=mine")
    assert mine.place.folder.name.startswith("finetune--parafaces_webtoon--mine--")
    assert mine.run_id.head["source"] == "mine"
    assert mine.run_id.head["overrides"] == ["source.weights=/x/a.pt", "source.name=mine"]
    for word in ("source.name=a/b", "source.name=a--b", "source.weights=${oc.env:WORD}/..",
                 "source.name=.."):  # fmt: skip
        with pytest.raises(UserError, match="cannot be in the name of a file"):
            named(word).run_id  # noqa: B018


def test_tokens_do_not_reach_what_holds_no_variable():
    node = {"a": "${oc.env:WORD}", "b": ["${a}!", 3, None], "c": "${d}", "d": "plain"}
    named = environment.named(node)
    resolved = OmegaConf.to_container(OmegaConf.create(named.node), resolve=True)
    expected = {"a": "${oc.env:WORD}", "b": ["${oc.env:WORD}!", 3, None], "c": "plain"}
    assert named.restored(resolved) == expected | {"d": "plain"}
