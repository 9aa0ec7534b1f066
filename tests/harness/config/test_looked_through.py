"""Words that name inverters and networks, and what photographs are not looked at through."""

import pytest

from benchmarks import run
from benchmarks.harness.config import validation
from benchmarks.harness.config.compose import compose
from benchmarks.harness.io import external_weights
from core.errors import UserError

GUIDE = {"_target_": "core.networks.perception.Guide"}
LARGE = ("source=tiny", "source.resolution=256", "data=folder", "data.root=/nowhere")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path))


@pytest.mark.parametrize("name", validation.choices_of("source/invert"))
@pytest.mark.parametrize("source", ["parafaces64", "photo64", "tiny"])
def test_an_inverter_is_chosen_by_its_name(source, name):
    job = compose([f"source={source}", f"source.invert={name}"]).checked()
    assert job.unresolved["source"] == compose(
        [f"source={source}", f"source/invert={name}"]
    ).unresolved["source"]  # fmt: skip
    assert f"source.invert={name}" in job.overrides
    again = compose([f"source={source}", *job.overrides])
    assert again.run_id.name == job.run_id.name


def test_options_of_an_inverter_follow_its_name():
    words = ["source=tiny", "source.invert=e4e", "source.invert.encoder=/my/e4e.pt"]
    assert compose(words).checked().unresolved["source"]["invert"]["encoder"] == "/my/e4e.pt"
    words = ["source=tiny", "source.invert.invert.refine.steps=0"]
    assert compose(words).checked().cfg.source.invert.invert.refine.steps == 0
    words = ["source=tiny", "source.invert=optimise", "source.invert.steps=9"]
    assert compose(words).checked().cfg.source.invert.steps == 9


@pytest.mark.parametrize(("words", "said"), [
    (["source.invert=e5e"], "There is no source.invert 'e5e'; the choices are e4e, encoded"),
    (["source.invert=e4e"], "The encoder e4e is missing: `python -m benchmarks.fetch e4e` puts"),
    (["source.invert=restyle_psp", "source.invert.passes=0"],
     "source.invert.passes=0 must be more than 0."),
    (["source.invert=psp", "source.invert.encoder=/nowhere.pt"],
     "There is no encoder at /nowhere.pt."),
    (["source.invert=optimise", "source.invert.perceptual=lpips"],
     "source.invert.perceptual needs lpips-vgg, which `python -m benchmarks.fetch lpips-vgg`"),
])  # fmt: skip
def test_what_cannot_be_had_is_said_at_once(capsys, tmp_path, words, said):
    assert run.main(["source=tiny", "method=finetune", f"folder={tmp_path}", *words]) == 2
    (sentence,) = capsys.readouterr().err.strip().splitlines()
    assert sentence.startswith(f"styleshift: {said}")


GUIDED = {
    "finetune": {"source.invert.perceptual": ["lpips-vgg"]},
    "jojogan": {"method.identity.network": ["arcface-irse50"]},
    "dualstylegan": {"method.style.guide": ["lpips-vgg", "arcface-irse50"]},
    "encoder": {"method.guide": ["lpips-vgg", "arcface-irse50"]},
}


def at(node, key):
    for name in key.split("."):
        node = node[name]
    return node


@pytest.mark.parametrize("method", GUIDED)
def test_photographs_above_64_px_are_not_seen_through_the_guide_unless_it_is_named(method):
    words = [*LARGE, "source.invert=optimise", f"method={method}"]
    for key, files in GUIDED[method].items():
        small = [word for word in words if "resolution" not in word]
        drawn = [word for word in words if not word.startswith("data")]
        for others in (small, drawn):
            assert at(compose(others).unresolved, key) == GUIDE
        node = at(compose(words).unresolved, key)
        assert [part["name"] for part in list(node.values())[1:]] == files
        for word in (f"{key}=guide", f"{key}._target_={GUIDE['_target_']}"):
            assert at(compose([*words, word]).unresolved, key) == GUIDE


def test_the_refusal_gives_the_reason_before_anything_is_read(capsys, tmp_path):
    words = [*LARGE, "source.invert=optimise", "method=finetune", f"folder={tmp_path / 'made'}"]
    compose(words).checked()  # nothing is inverted
    words.append("data.photos_root=/photos")
    assert run.main(words) == 2
    said = capsys.readouterr().err
    assert "source.invert.perceptual needs lpips-vgg" in said
    assert "source.invert.perceptual=guide looks through the shipped network" in said
    assert "knows rendered heads at 64 px" in said
    assert not (tmp_path / "made").exists()
    path = external_weights.entry("lpips-vgg").path
    path.parent.mkdir(parents=True)
    path.touch()
    compose(words).checked()
    path.unlink()
    with pytest.raises(UserError, match=r"method\.identity\.network needs arcface-irse50, which"):
        compose([*words, "source.invert.perceptual=guide", "method=jojogan"]).checked()


@pytest.mark.parametrize(
    ("method", "lacking", "files"),
    [
        (
            "jojogan",
            {"source.invert.perceptual": "lpips-vgg", "method.identity.network": "arcface-irse50"},
            "lpips-vgg arcface-irse50",
        ),
        ("dualstylegan", {"method.style.guide": "lpips-vgg and arcface-irse50"}, None),
        ("rssa", {"source.invert.perceptual": "lpips-vgg"}, None),
        ("finetune", {}, None),
    ],
)
def test_all_that_is_lacking_is_said_at_once_by_the_words_that_end_it(method, lacking, files):
    words = [*LARGE, "source.invert=optimise", f"method={method}"]
    if lacking:
        with pytest.raises(UserError) as refused:
            compose(words).checked()
        needs = ", ".join(f"{key} needs {names}" for key, names in lacking.items())
        assert str(refused.value).startswith(f"{needs}, which `python -m benchmarks.fetch ")
        assert f"fetch {files}`" in str(refused.value) or files is None
    guides = [f"{key}=guide" for key in lacking]
    assert " ".join(guides) in (str(refused.value) if lacking else "")
    compose([*words, *guides]).checked()
