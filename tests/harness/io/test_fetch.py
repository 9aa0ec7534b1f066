"""Bringing optional files, from a server of this process."""

import gzip
import hashlib
import http.server
import io
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save as serialised

from benchmarks.harness.io import download, external_weights
from core.errors import UserError

DATA = b"\x80\x02" + bytes(range(256)) * 1999 + bytes(254)  # as a pickle begins
SHA = hashlib.sha256(DATA).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.headers.get("Range"))
        begin, data = 0, self.server.data
        same = self.headers.get("If-Range") == self.server.headers.get("ETag")
        if self.server.resumes and self.headers.get("Range") and same:
            begin = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        if begin and begin >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.end_headers()
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Type", self.server.kind)
        length = {"Content-Length": str(len(data) - begin)}
        for name, value in (length | self.server.headers).items():
            self.send_header(name, value)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        end = self.server.cut or len(data)
        self.wfile.write(data[begin:end])
        self.close_connection = True

    def log_message(self, *words):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path))
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as made:
        made.asked, made.kind, made.resumes, made.cut = [], "application/octet-stream", True, 0
        made.data, made.headers = DATA, {"ETag": '"one"'}
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def entry(server, **changes):
    place = f"http://127.0.0.1:{server.server_port}/net.pt"
    return external_weights.entry("inception")._replace(
        **{"file": "net.pt", "places": [place], **changes}
    )


def part_of(wanted):
    return download.part_of(wanted, wanted.places[0])


def begin(wanted, data, version='"one"'):
    """What an earlier go left."""
    part = part_of(wanted)
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(data)
    part.with_suffix(".tag.part").write_text(version)


def shown(done, total):
    assert 0 < done <= total


def test_a_file_is_brought_whole_and_checked(server):
    wanted = entry(server, bytes=len(DATA), sha256=SHA)
    download.fetch(wanted, shown)
    assert wanted.path.read_bytes() == DATA
    assert wanted.state == "present"
    assert not part_of(wanted).exists()


def test_a_download_goes_on_where_it_was_cut_off(server):
    wanted = entry(server, sha256=SHA)
    server.cut = 200_000
    with pytest.raises(UserError, match="ended after 200,000 of 512,000 bytes"):
        download.fetch(wanted, shown)
    server.cut = 0
    download.fetch(wanted, shown)
    assert server.asked == [None, "bytes=200000-"]
    assert wanted.path.read_bytes() == DATA


@pytest.mark.parametrize("kept", [1000, len(DATA)])
def test_a_server_that_cannot_go_on_gives_it_all_again(server, kept):
    server.resumes = False
    wanted = entry(server, sha256=SHA)
    begin(wanted, b"x" * kept)
    download.fetch(wanted, shown)
    assert wanted.path.read_bytes() == DATA


def test_a_complete_part_is_taken_and_a_longer_one_is_dropped(server):
    wanted = entry(server, sha256=SHA)
    for before in (DATA, DATA + b"more"):
        begin(wanted, before)
        download.fetch(wanted, shown)
        assert wanted.path.read_bytes() == DATA


@pytest.mark.parametrize(
    ("known", "told"),
    [({"bytes": 5}, "512,000 bytes instead of 5"), ({"sha256": "0" * 64}, "sha256 is"),
     ({"begins": "0123"}, "does not begin with 0123")],
)  # fmt: skip
def test_another_file_is_deleted(server, known, told):
    wanted = entry(server, **known)
    with pytest.raises(UserError, match=told):
        download.fetch(wanted, shown)
    assert not wanted.path.exists()
    assert not part_of(wanted).exists()


def test_a_web_page_is_no_file_and_the_next_place_is_tried(server):
    server.kind = "text/html; charset=utf-8"
    wanted = entry(server)
    nowhere = wanted._replace(places=["http://127.0.0.1:9/x", *wanted.places])
    with pytest.raises(UserError) as told:
        download.fetch(nowhere, shown)
    for part in ("refused", "web page", wanted.by_hand, "benchmarks.fetch inception --from FILE"):
        assert part in str(told.value)


def test_what_one_place_began_no_other_place_ends(server):
    """Two places may give two files, and nobody may know the checksum yet."""
    wanted = entry(server)
    first, second = wanted.places[0], f"{wanted.places[0]}?other"
    server.cut = 200_000
    with pytest.raises(UserError, match="ended after"):
        download.fetch(wanted._replace(places=[first, second]), shown)
    assert server.asked == [None, None]
    server.cut = 0
    download.fetch(wanted._replace(places=[second]), shown)
    assert server.asked[-1] == "bytes=200000-"
    assert list(wanted.path.parent.iterdir()) == [wanted.path]
    assert wanted.path.read_bytes() == DATA


@pytest.mark.parametrize(
    "headers", [{}, {"ETag": '"two"'}, {"ETag": 'W/"one"'}, {"Last-Modified": "now"}]
)
def test_two_versions_of_a_file_are_never_mixed(server, headers):
    """Nobody knows its checksum, and the server has another one, or does not name it."""
    wanted = entry(server)
    server.cut = 200_000
    with pytest.raises(UserError, match="ended after"):
        download.fetch(wanted, shown)
    server.cut, server.headers = 0, headers
    server.data = b"\x80" + bytes(300_000)
    for _ in range(2):
        download.fetch(wanted, shown)
        assert wanted.path.read_bytes() == server.data
    assert list(wanted.path.parent.iterdir()) == [wanted.path]


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


WHOLE = zipped(data=b"123456789" * 50)


@pytest.mark.parametrize(
    ("file", "data", "told"),
    [("a.pt", b"", "it is empty"), ("a.pt", gzip.compress(DATA), "it begins with b'.x1f"),
     ("a.pth", b"<!DOCTYPE html>", "it begins with b'<!DOCTYP'"), ("a.pkl", WHOLE, "begins with"),
     ("a.pt", WHOLE[:-40], "not whole"), ("a.pt", WHOLE.replace(b"789123", b"000000"), "damaged"),
     ("a.safetensors", DATA, "not whole"), ("a.task", DATA, "begins"), ("a.bz2", DATA, "begins")],
)  # fmt: skip
def test_what_is_no_file_of_weights_is_refused_where_nobody_knows_its_checksum(
    server, tmp_path, file, data, told
):
    server.data = data
    wanted = entry(server, file=file)
    with pytest.raises(UserError, match=told):
        download.fetch(wanted, shown)
    assert not list(wanted.path.parent.iterdir())
    (tmp_path / "given").write_bytes(data)
    with pytest.raises(UserError, match=told):
        download.copy_by_hand(wanted, tmp_path / "given")


def test_whole_files_of_every_kind_are_taken(server):
    one = serialised({"a": np.zeros(3)})
    for file, data in {"a.pt": WHOLE, "b.pt": DATA, "c.safetensors": one, "d.task": WHOLE}.items():
        server.data = data
        wanted = entry(server, file=file)
        download.fetch(wanted, shown)
        assert wanted.path.read_bytes() == data


@pytest.mark.parametrize("length", ["abc", "-5", "1" * 12])
def test_a_length_that_cannot_be_is_one_sentence(server, length):
    server.headers = {"Content-Length": length}
    with pytest.raises(UserError, match=r"announces '(abc|-5)' as the length|more than 8,589,934"):
        download.fetch(entry(server), shown)


def test_a_file_of_the_right_length_that_is_another_is_brought_again(server):
    wanted = entry(server, bytes=len(DATA), sha256=SHA)
    wanted.path.parent.mkdir()
    wanted.path.write_bytes(bytes(len(DATA)))
    for _ in range(2):
        download.provide(wanted, None)
        assert wanted.path.read_bytes() == DATA
    assert server.asked == [None]


def test_a_file_obtained_by_hand_is_copied_and_checked(server, tmp_path):
    given = tmp_path / "by_hand.pt"
    given.write_bytes(DATA)
    wanted = entry(server, sha256=SHA)
    download.copy_by_hand(wanted, given)
    assert wanted.path.read_bytes() == DATA
    given.write_bytes(DATA[:-1])
    with pytest.raises(UserError, match="is not inception: its sha256"):
        download.copy_by_hand(wanted, given)
    assert wanted.path.read_bytes() == DATA
    with pytest.raises(UserError, match="no file"):
        download.copy_by_hand(wanted, tmp_path / "absent")


def test_a_missing_file_is_one_sentence_with_command_place_and_licence(server, tmp_path):
    with pytest.raises(UserError) as told:
        external_weights.require("inception")
    text = str(told.value)
    for part in ("python -m benchmarks.fetch inception", str(tmp_path / "weights"), "Apache-2.0"):
        assert part in text
    assert text.count(". ") == 0
    with pytest.raises(UserError, match="no optional file 'nothing'"):
        external_weights.require("nothing")


def test_the_command_takes_a_file_and_refuses_in_one_sentence(server, tmp_path):
    def run(*words):
        command = [sys.executable, "-m", "benchmarks.fetch", *words]
        return subprocess.run(command, capture_output=True, text=True)

    given = tmp_path / "any.pt"
    given.write_bytes(DATA)
    done = run("inception", "--from", str(given))
    assert done.returncode == 0
    assert SHA in done.stderr
    assert external_weights.entry("inception").path.read_bytes() == DATA
    assert "there already" in run("inception").stderr
    refused = run("mtcnn-p", "--from", str(given))
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith("styleshift: ")
    assert "28,570" in refused.stderr
