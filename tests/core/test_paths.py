import sys
from pathlib import Path

import pytest

from core.errors import UserError
from core.paths import cache_folder


def test_the_cache_is_what_is_named_else_the_variable_else_the_systems_place(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("STYLESHIFT_CACHE", raising=False)
    if sys.platform == "linux":
        assert cache_folder() == Path("/home/somebody/.cache/styleshift")
    monkeypatch.setenv("STYLESHIFT_CACHE", "~/elsewhere")
    assert cache_folder() == Path("/home/somebody/elsewhere")
    assert cache_folder("/named") == Path("/named")


def test_a_home_of_nobody_is_said():
    with pytest.raises(UserError, match=r"machine\.cache=FOLDER"):
        cache_folder("~nobody-of-this-name/cache")
