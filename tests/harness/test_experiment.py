"""What a run lacks is said in one sentence, before anything is rendered, read or trained."""

import logging

import pytest
import torch

from benchmarks import sweep
from benchmarks.harness import experiment
from benchmarks.harness.config.compose import compose
from benchmarks.harness.io import machine
from benchmarks.harness.io.signals import Signals
from core.errors import UserError

BY_NAME = "benchmarks.harness.evaluation.extractors.by_name"
VIT = "random-vit_tiny_patch16_224"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["eval=faces"], ["mobilefacenet is missing"]),
        (["eval=paper_all"], ["inception-pt", "lpips-vgg", "dinov2-l", "clip-l14", "dino-b8"]),
        (["eval.extractor._target_=" + BY_NAME, f"+eval.extractor.name={VIT}",
          "+eval.extractor.seed=0", "~eval.extractor.weights"],
         [f"kid@parafaces: {VIT}:0 cannot look at pictures of 64 px ("]),
        (["eval.extractor._target_=benchmarks.harness.evaluation.extractors.ParaFacesMaps"],
         ["kid@parafaces: parafaces-maps:measure has no features."]),
        (["machine=gpu"], ["accelerator=gpu machine.trainer.devices=1 cannot be had here"]),
        (["machine=gpu", "machine.trainer.devices=[0,3]"], ["devices=[0, 3] cannot be had here"]),
        (["machine=ddp", "machine.trainer.accelerator=gpu"], ["accelerator=gpu machine.trainer"]),
        (["machine.trainer.accelerator=mps"], ["accelerator=mps machine.trainer.devices=1 cannot"]),
    ],
)  # fmt: skip
def test_what_is_lacking_is_said_before_anything_is_rendered(cache, tmp_path, words, said):
    if torch.cuda.is_available() and any("machine" in word for word in words):
        pytest.skip("there is a GPU")
    evaluation = [] if any(word.startswith("eval=") for word in words) else ["eval=smoke"]
    line = ["source=tiny", "data=parafaces_clay", *evaluation, f"folder={tmp_path}", *words]
    with pytest.raises(UserError) as refused, Signals() as signals:
        experiment.run(compose(line), many=False, signals=signals)
    assert all(words in str(refused.value) for words in said)
    assert "\n" not in str(refused.value)
    assert not list(cache.rglob("*.np*"))  # people


@pytest.mark.parametrize("words", [["machine=gpu"], []])
def test_scores_say_it_too(cache, tmp_path, words):
    lacking = "accelerator=gpu" if words else "mobilefacenet is missing"
    if words and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UserError, match=lacking):
        experiment.evaluator_of(compose(["source=tiny", "eval=faces", *words]), 256)


def test_a_sweep_refuses_gpus_that_are_not_there(monkeypatch, tmp_path, capsys):
    line = ["method=finetune", "data=parafaces_clay", f"folder={tmp_path}", "--gpus=0,1"]
    for here, refused in ((), True), (("cuda:0",), True), (("cuda:0", "cuda:1"), False):
        monkeypatch.setattr(machine, "devices", lambda here=here: dict.fromkeys(("cpu", *here)))
        if refused:
            with pytest.raises(UserError, match="--gpus 0,1 cannot be had"):
                sweep.main.__wrapped__(line)
        else:
            machine.require_gpus(["0", "1"])
            machine.require_gpus(["MIG-1"])
    monkeypatch.undo()
    assert sweep.main.__wrapped__([*line, "--dry-run"]) == 0  # which may be asked anywhere


def test_libraries_are_quiet_before_anything_is_refused(cache, tmp_path, monkeypatch):
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())
    logger = logging.getLogger("lightning.pytorch")
    monkeypatch.setattr(logger, "level", logging.INFO)  # as in a new process
    monkeypatch.setattr(logger, "handlers", [handler])
    logger.setLevel(logging.INFO)  # forgets what it has decided
    with pytest.raises(UserError, match="mobilefacenet is missing"):
        experiment.evaluator_of(compose(["source=tiny", "eval=faces"]), 256)
    assert not told
