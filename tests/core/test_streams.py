"""A terminal only shows what is printed, and no stream ends a command."""

import io
import os
import subprocess
import sys

import pytest
from rich.progress import Progress

from benchmarks.harness.config.cli import command
from core.errors import UserError
from core.paths import ROOT
from core.progress import ShownConsole
from core.streams import only_shown, printable, shown

EVIL = "a\x1b[31mb\x07c\x9bd\x7f\u202ee\u2066f\rg\x00"
HARMLESS = "é 写真 ↓ \t–\n"


def steering(text):
    return [sign for sign in text if not sign.isprintable() and sign not in "\n\t"]


def test_control_characters_are_shown_and_all_else_is_left():
    assert shown(HARMLESS) == HARMLESS
    assert shown("a,b\r\n") == "a,b\r\n"
    assert shown("\x1b[31m\x9b\u202e") == "\\x1b[31m\\x9b\\u202e"
    assert printable("a\nb\tc") == "a b\\tc"
    assert not steering(shown(EVIL))


@command()
def telling(words):
    print(*words)
    print("styled", *words, file=sys.stderr)
    ShownConsole(markup=False).print(*words)
    raise UserError(words[0])


def test_whatever_a_command_prints_steers_no_terminal(capsys):
    assert telling([EVIL]) == 2
    said = capsys.readouterr()
    for stream in (said.out, said.err):
        assert "\\x1b[31m" in stream
        assert "\\u202e" in stream
        assert not steering(stream)


def test_a_console_moves_the_cursor_and_its_texts_do_not(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    stream = sys.stdout
    with only_shown():
        console = ShownConsole(force_terminal=True, width=60)
        with Progress(console=console, auto_refresh=False) as bar:
            bar.add_task(EVIL, total=1)
            console.print(EVIL, markup=False)
    said = stream.getvalue()
    assert "\x1b[?25l" in said  # of the bar: the cursor is hidden
    assert "\x1b[31mb" not in said
    assert not {"\x07", "\x9b", "\u202e"} & set(said)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_what_a_stream_cannot_hold_is_escaped(encoding):
    code = (
        "import sys; from benchmarks.harness.config.cli import command\n"
        "from core.progress import ShownConsole\n"
        "from core.errors import UserError\n"
        "def run(words):\n"
        "    print(*words); ShownConsole().print(*words); raise UserError(words[0])\n"
        "command()(run)()"
    )
    name = "写真\udcff"  # as a name of a file that is no UTF-8 reaches Python
    env = os.environ | {"PYTHONIOENCODING": encoding}
    words = [sys.executable, "-c", code, os.fsencode(name)]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, check=False)
    assert done.returncode == 2
    escaped = name.encode(encoding, "backslashreplace")
    assert done.stdout.split() == [escaped, escaped]
    assert escaped in done.stderr
    assert b"Traceback" not in done.stderr
