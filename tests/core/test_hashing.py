import pytest

from core import hashing

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


def test_sha256_and_md5_of_the_standards_examples(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert hashing.of_bytes(b"abc") == ABC
    assert hashing.of_parts([b"a", b"", memoryview(b"bc")]) == ABC
    assert hashing.of_file(tmp_path / "abc") == ABC
    assert hashing.md5_of_bytes(b"abc") == "900150983cd24fb0d6963f7d28e17f72"  # RFC 1321, A.5


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_a_file_of_several_chunks_hashes_as_a_whole(tmp_path, extra):
    data = bytes(range(256)) * (hashing.CHUNK // 128) + b"x" * (extra + 1)
    (tmp_path / "large").write_bytes(data)
    assert hashing.of_file(tmp_path / "large") == hashing.of_bytes(data)


def test_json_hashes_the_same_whatever_the_order_of_its_keys():
    assert hashing.of_json({"a": 1, "b": [True, None]}) == hashing.of_bytes(
        b'{"a": 1, "b": [true, null]}'
    )
    assert hashing.of_json({"b": 2, "a": 1}) == hashing.of_json({"a": 1, "b": 2})
