"""Paths that Hydra's grammar does not hold: one sentence shows the word to type, and it works."""

import re
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from benchmarks import prepare, run, sweep
from benchmarks.harness.config.complaints import quoted
from benchmarks.harness.config.compose import compose

NAMES = ["写真", "par(1)", "eq=x", "hash#1", "[a]", "it's", 'say "x"', "{a}", "${a}", "a;b", "a,b"]


def typed(said):
    """The word that a sentence shows, as a shell hands it on."""
    (word,) = shlex.split(re.search(r"[Ww]rite (.*?)( for a text, .*)?\.$", said)[1])
    return word


@pytest.mark.parametrize("command", [run, sweep], ids=["run", "sweep"])
@pytest.mark.parametrize("name", NAMES)
def test_the_word_that_is_shown_names_the_folder(tmp_path, capsys, name, command):
    word = f"data.root={tmp_path / name}"
    if name == "${a}" or (name, command) == ("a,b", sweep):
        pytest.skip("an option of that name, which does not exist; two folders")
    assert command.main(["data=folder", "source=tiny", word]) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    assert "hydra.cc" not in said
    assert compose(["data=folder", typed(said)]).cfg.data.root == str(tmp_path / name)


def test_what_is_read_as_something_else_than_a_text_is_shown_with_quotes(capsys):
    for value in ("[x]", "1e5", "true"):
        assert run.main(["data=folder", "source=tiny", f"data.root={value}"]) == 2
        assert capsys.readouterr().err.strip().endswith("write \"data.root='...'\".")


@pytest.mark.parametrize("word", ["data.root", "写真=1"])
def test_a_word_that_is_none_is_called_so(capsys, word):
    assert run.main([word]) == 2
    assert capsys.readouterr().err == f"styleshift: {word!r} is no word like key=value.\n"


@settings(deadline=None, derandomize=True, database=None, max_examples=200)
@given(st.text(alphabet="ab'\"\\ $`!{}[](),=#写é@:;&~+.-/%*|<>?^\t0", min_size=1, max_size=9))
def test_any_path_in_quotes_is_that_path(text):
    (word,) = shlex.split(quoted("data.root", f"/{text}"))
    value = OverridesParser.create().parse_override(word).value()
    assert OmegaConf.create({"root": value}).root == f"/{text}"


@pytest.mark.parametrize("name", ["a,b", "写真", "it's", "'quoted'"])
def test_prepare_takes_a_place_as_it_stands_and_in_quotes(tmp_path, name):
    place = tmp_path / name
    place.mkdir()
    escaped = str(place).replace("'", "\\'")
    for word in (f"source={place}", f"source='{escaped}'"):
        assert prepare.composed([word, "resolution=64"]).source == str(place)
