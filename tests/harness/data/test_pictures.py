import io
import os
import struct
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.harness.data.files import files, notes
from benchmarks.harness.data.pictures import (
    FILTERS,
    Sampling,
    Unreadable,
    as_images,
    decode,
    frame,
    read,
    sentences,
)
from core.errors import UserError

GRADIENT = np.linspace(0, 255, 16 * 16 * 3).reshape(16, 16, 3).astype(np.uint8)
RED = (255, 0, 0)


def saved(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def opened(data, resolution=16, framing="crop"):
    return decode(data, "here/a.png", resolution, framing)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png16(pixels, colour_type):
    """A 16-bit PNG by the letter of the format: Pillow writes none in colour."""
    high, wide = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", wide, high, 16, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_an_rgb_picture_of_the_right_size_is_not_touched():
    picture = opened(saved(Image.fromarray(GRADIENT)))
    assert np.array_equal(picture.pixels, GRADIENT)
    assert picture.changes == ()


@pytest.mark.parametrize(
    ("mode", "changes"),
    [
        ("1", ("grey",)),
        ("L", ("grey",)),
        ("LA", ("grey", "alpha")),
        ("P", ("palette",)),
        ("RGBA", ("alpha",)),
    ],
)
def test_every_mode_becomes_rgb_and_is_named(mode, changes):
    picture = opened(saved(Image.fromarray(GRADIENT).convert(mode)))
    assert picture.pixels.shape == (16, 16, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.changes == changes


def test_grey_is_the_same_in_all_channels():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(opened(saved(Image.fromarray(grey))).pixels, np.stack([grey] * 3, -1))


def test_transparent_parts_become_white_and_half_transparent_ones_half():
    rgba = np.zeros((16, 16, 4), dtype=np.uint8)
    rgba[:8] = (*RED, 0)
    rgba[8:12] = (*RED, 255)
    rgba[12:] = (0, 0, 0, 51)
    pixels = opened(saved(Image.fromarray(rgba))).pixels
    assert (pixels[:8] == 255).all()
    assert (pixels[8:12] == RED).all()
    assert (pixels[12:] == 204).all()


def test_a_palette_with_a_transparent_entry_is_put_on_white():
    image = Image.new("P", (16, 16), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (0, 0, 16, 8))
    picture = opened(saved(image, transparency=0))
    assert (picture.pixels[:8] == (0, 0, 255)).all()
    assert (picture.pixels[8:] == 255).all()
    assert picture.changes == ("palette", "alpha")


def test_an_rgb_picture_with_one_transparent_colour_is_put_on_white():
    picture = opened(saved(Image.new("RGB", (16, 16), RED), transparency=RED))
    assert (picture.pixels == 255).all()
    assert picture.changes == ("alpha",)


def test_sixteen_bits_are_scaled_to_eight():
    ramp = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    picture = opened(saved(Image.fromarray(ramp)))
    assert np.array_equal(picture.pixels[..., 0], np.arange(256).reshape(16, 16))
    assert picture.changes == ("16-bit", "grey")


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (6, 4), (4, 2)])
def test_sixteen_bits_in_colour_are_scaled_and_counted(colour_type, channels):
    ramp = np.full((16, 16, channels), 65535, dtype=np.uint16)
    ramp[..., 0] = np.arange(256).reshape(16, 16) * 257
    picture = opened(png16(ramp, colour_type))
    assert np.array_equal(picture.pixels[..., 0], np.arange(256).reshape(16, 16))
    assert "16-bit" in picture.changes


def test_cmyk_becomes_rgb():
    picture = opened(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))
    assert np.abs(picture.pixels.astype(int) - RED).max() <= 4
    assert picture.changes == ("CMYK",)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture_upright(orientation):
    """All eight orientations of one scene come back as that scene."""
    scene = np.zeros((16, 16, 3), dtype=np.uint8)
    scene[:4, :8] = 255
    back = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    stored = Image.fromarray(np.ascontiguousarray(back[orientation](scene)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = opened(saved(stored, exif=exif))
    assert np.array_equal(picture.pixels, scene)
    assert ("EXIF" in picture.changes) == (orientation > 1)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP"])
def test_a_picture_is_known_by_its_content_not_by_its_name(format):
    picture = opened(saved(Image.new("RGB", (16, 16), (40, 80, 120)), format))
    assert np.abs(picture.pixels.astype(int) - (40, 80, 120)).max() <= 5


def test_of_a_moving_picture_the_first_frame_is_taken():
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime")]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    picture = opened(data)
    assert (picture.pixels == RED).all()
    assert "animated" in picture.changes


def test_cropping_keeps_the_centre():
    wide = np.zeros((16, 48, 3), dtype=np.uint8)
    wide[:, 16:32] = GRADIENT
    pixels, changes = frame(Image.fromarray(wide), 16, "crop")
    assert np.array_equal(pixels, GRADIENT)
    assert changes == ["cropped"]


def test_fitting_keeps_everything_and_repeats_the_edges():
    tall = np.full((32, 16, 3), 100, dtype=np.uint8)
    tall[:, :2], tall[:, -2:] = 10, 200
    pixels, changes = frame(Image.fromarray(tall), 32, "fit")
    assert np.array_equal(pixels[:, 8:24], tall)
    assert (pixels[:, :8] == 10).all()
    assert (pixels[:, 24:] == 200).all()
    assert changes == ["padded"]


@pytest.mark.parametrize("framing", ["crop", "fit"])
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 900), (900, 1), (17, 16), (16, 17), (64, 64), (33, 70)]
)
def test_every_size_becomes_the_square_asked_for(size, framing):
    pixels, changes = frame(Image.new("RGB", size, (1, 2, 3)), 16, framing)
    assert pixels.shape == (16, 16, 3)
    assert (pixels == (1, 2, 3)).all()
    side = min(size) if framing == "crop" else max(size)
    assert ("enlarged" in changes) == (side < 16)


def test_an_unknown_framing_is_refused():
    with pytest.raises(UserError, match="choose crop or fit"):
        frame(Image.new("RGB", (16, 16)), 16, "stretch")


def broken_files():
    whole = {
        format: saved(Image.effect_noise((64, 64), 80).convert("RGB"), format)
        for format in ("JPEG", "PNG", "WEBP", "BMP")
    }
    yield from ((f"half {format}", data[: len(data) // 2]) for format, data in whole.items())
    yield from ((f"head of {format}", data[:20]) for format, data in whole.items())
    yield "text", b"Not a picture.\n" * 50
    yield "page", b"<!DOCTYPE html><html><body>404</body></html>"
    yield "bytes", bytes(range(256)) * 4
    png = bytearray(whole["PNG"])
    png[len(png) // 2] ^= 255
    yield "a flipped byte", bytes(png)


@pytest.mark.parametrize(("what", "data"), list(broken_files()))
def test_what_is_no_whole_picture_is_refused_by_name(what, data):
    with pytest.raises(Unreadable, match=r"here/a\.png"):
        opened(data)


def claiming(png, *size):
    """A PNG whose head says another width and height."""
    head = png[12:16] + struct.pack(">II", *size) + png[24:29]
    return png[:12] + head + struct.pack(">I", zlib.crc32(head)) + png[33:]


def too_short():
    """Files that hold fewer rows than they say, and are sound otherwise."""
    rows = GRADIENT[:10] | 1
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield f"PNG {mode}", claiming(saved(Image.fromarray(rows).convert(mode)), 16, 16)
    for colour_type, channels in ((0, 1), (2, 3), (4, 2), (6, 4)):
        wide = np.full((10, 16, channels), 9999)
        yield f"PNG of 16 bits {channels}", claiming(png16(wide, colour_type), 16, 16)
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2))  # fmt: skip
    interlaced = [GRADIENT[y::dy, x::dx] | 1 for x, y, dx, dy in passes]
    lines = [b"\0" + row.tobytes() for part in interlaced for row in part]
    for high in (16, 15):
        head = struct.pack(">IIBBBBB", 16, high, 8, 2, 0, 0, 1)
        body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(lines[:-2])))
        yield f"PNG in passes {high}", b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")
    for options in ({}, {"progressive": True}):
        jpeg = bytearray(saved(Image.fromarray(GRADIENT.repeat(4, 0)), "JPEG", **options))
        frame_at = jpeg.index(b"\xff\xc2" if options else b"\xff\xc0")
        jpeg[frame_at + 5 : frame_at + 7] = struct.pack(">H", 128)
        yield f"JPEG {options}", bytes(jpeg)
    noise = saved(Image.effect_noise((64, 64), 80), "JPEG")
    yield "half a JPEG with an end", noise[: len(noise) // 2] + b"\xff\xd9"


@pytest.mark.parametrize("data", [pytest.param(data, id=what) for what, data in too_short()])
def test_a_picture_that_lacks_its_last_rows_is_refused(data):
    with pytest.raises(Unreadable, match="not whole"):
        opened(data)


@pytest.mark.parametrize("colour", [0, 127, 128])
@pytest.mark.parametrize(
    ("format", "mode"),
    [*(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
     *(("JPEG", mode) for mode in ("L", "RGB", "CMYK"))],
)  # fmt: skip
def test_a_whole_picture_that_ends_in_black_or_grey_is_taken(format, mode, colour):
    image = Image.fromarray(np.full((40, 24, 3), colour, np.uint8)).convert(
        "L" if mode == "I;16" else mode
    )
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16))
    assert opened(saved(image, format)).pixels.shape == (16, 16, 3)


@pytest.mark.parametrize("size", [(12_000,) * 2, (60_000,) * 2, (1, 2**27 - 1), (70_000, 1)])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(size):
    with pytest.raises(Unreadable, match="too many pixels"):
        opened(claiming(png16(np.zeros((1, 1)), 0), *size))


def test_scans_without_end_are_refused_before_they_are_decoded():
    data = saved(Image.effect_noise((64, 64), 80).convert("RGB"), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    for count, refused in ((2, False), (300, True)):
        many = data[:last] + data[last:-2] * count + data[-2:]
        if refused:
            with pytest.raises(Unreadable, match=r"too many scans \(309\)"):
                opened(many)
        else:
            opened(many)


def test_files_are_found_sorted_in_folders_below_and_hidden_ones_are_not(tmp_path):
    for name in ("b.png", "a.JPG", "deep/er/c.webp", "ü 漫画/d e.bmp", "x.jpeg", "y.gif"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(saved(Image.fromarray(GRADIENT)))
    for name in (".hidden.png", "._x.png", ".git/e.png", "__MACOSX/a.png", "note.txt", ".f.gif"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = files(tmp_path)
    assert [f.member for f in found] == [
        "a.JPG",
        "b.png",
        "deep/er/c.webp",
        "x.jpeg",
        "y.gif",
        "ü 漫画/d e.bmp",
    ]
    for file in found:
        assert np.array_equal(read(file, 16, "crop").pixels, GRADIENT)


def test_a_zip_is_read_like_the_folder_and_not_unpacked(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("00000/img00000001.png", "00000/img00000000.png", "__MACOSX/._a.png", "é.png"):
            archive.writestr(name, saved(Image.fromarray(GRADIENT)))
        archive.writestr("dataset.json", "{}")
    found = files(path)
    names = ["00000/img00000000.png", "00000/img00000001.png", "é.png"]
    assert [f.member for f in found] == names
    assert all(np.array_equal(read(f, 16, "crop").pixels, GRADIENT) for f in found)
    assert os.listdir(tmp_path) == ["set.zip"]


def test_a_file_in_a_zip_whose_bytes_rotted_is_refused_by_name(tmp_path):
    path = tmp_path / "set.zip"
    picture = saved(Image.fromarray(GRADIENT))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", picture)
    data = path.read_bytes()
    path.write_bytes(data.replace(picture[-30:], bytes(30)))
    with pytest.raises(Unreadable, match=r"set\.zip/a\.png"):
        read(files(path)[0], 16, "crop")


@pytest.mark.parametrize(("method", "start"), [(zipfile.ZIP_DEFLATED, 35), (zipfile.ZIP_LZMA, 50)])
def test_a_compressed_file_whose_bytes_rotted_is_refused_by_name(tmp_path, method, start):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.png", saved(Image.fromarray(GRADIENT)))
    data = bytearray(path.read_bytes())
    data[start : start + 30] = b"\xff" * 30
    path.write_bytes(data)
    with pytest.raises(Unreadable, match=r"set\.zip/a\.png cannot be read"):
        read(files(path)[0], 16, "crop")


def test_a_zip_that_is_replaced_is_read_anew(tmp_path):
    path = tmp_path / "set.zip"
    for names in (["a.png"], ["b.png", "c.png"]):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, saved(Image.fromarray(GRADIENT)))
        assert [f.member for f in files(path)] == names
        assert read(files(path)[0], 16, "crop").pixels.shape == (16, 16, 3)


def test_a_folder_that_is_missing_empty_or_no_folder_is_one_clear_sentence(tmp_path):
    with pytest.raises(UserError, match="nowhere does not exist"):
        files(tmp_path / "nowhere")
    with pytest.raises(
        UserError, match=r"There is no picture \(jpg, jpeg, png, webp, bmp, gif, jfif\)"
    ):
        files(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(UserError, match="There is no picture"):
        files(tmp_path)
    with pytest.raises(UserError, match=r"a\.txt is neither a folder nor a zip"):
        files(tmp_path / "a.txt")
    for name in ("pipe", "pipe.zip", "pipe.png", "pipe.npy"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(UserError, match="neither a folder nor a regular file"):
            files(tmp_path / name)
    (tmp_path / "half.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(UserError, match=r"half\.zip is neither a folder nor a zip"):
        files(tmp_path / "half.zip")


def test_a_picture_can_be_given_by_itself(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(GRADIENT).save(tmp_path / name)
    (found,) = files(tmp_path / "b.png")
    assert str(found) == str(tmp_path / "b.png")
    assert found == files(tmp_path)[1]
    assert notes(tmp_path / "b.png") == {}


def test_files_that_cannot_be_opened_are_refused_by_name(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    messages = []
    for file in files(tmp_path):
        with pytest.raises(Unreadable) as fault:
            read(file, 16, "crop")
        messages.append(str(fault.value))
    assert [m.split(tmp_path.name + "/")[1].split(" ")[0] for m in messages] == [
        "empty.png",
        "gone.png",
        "pipe.png",
    ]
    assert "is empty (0 bytes)" in messages[0]


def test_linked_folders_are_entered_once_and_do_not_lead_round_in_circles(tmp_path):
    for name in ("set/own/a.png", "more/b.png", "more/deep/c.png", ".hidden/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(saved(Image.fromarray(GRADIENT)))
    root = tmp_path / "set"
    links = {"0": "set/own", "more": "more", "again": "more/deep", "round": "set", "own/up": "set"}
    for name, to in {**links, ".git": ".hidden"}.items():
        (root / name).symlink_to(tmp_path / to)
    assert [f.member for f in files(root)] == ["again/c.png", "more/b.png", "own/a.png"]
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "inner").symlink_to(tmp_path / "more")
    assert [f.member for f in files(tmp_path / "only")] == ["inner/b.png", "inner/deep/c.png"]


def test_a_picture_without_an_ending_is_known_by_its_content(tmp_path):
    formats = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
    names = [*formats, "deep/2024.01.02"]
    others = {
        "README": b"BMW and GIF",
        "LICENSE": b"",
        "sound": b"RIFF1234WAVE",
        "a.txt": b"\x89PNG",
    }
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name in names:
            data = saved(Image.fromarray(GRADIENT), name if name in formats else "PNG")
            others[name] = data
        for name, data in others.items():
            archive.writestr(name, data)
            (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / name).write_bytes(data)
    os.mkfifo(tmp_path / "set" / "pipe")
    for root in (tmp_path / "set", tmp_path / "set.zip"):
        assert [file.member for file in files(root)] == sorted(names)
        assert [read(file, 16, "crop").pixels.shape for file in files(root)] == [(16, 16, 3)] * 6


def test_what_was_done_is_said_in_sentences():
    rgba = Image.fromarray(GRADIENT).convert("RGBA")
    small = Image.new("L", (8, 8))
    pictures = [opened(saved(i)) for i in (rgba, rgba, small, Image.fromarray(GRADIENT))]
    assert sentences(pictures, 16) == [
        "1 picture was in grey only and became RGB.",
        "2 pictures were partly transparent or had an alpha channel, and put on white.",
        "1 picture was smaller than 16 px and enlarged.",
    ]


def test_images_are_pixels_in_minus_one_to_one():
    pixels = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    pixels[0, 1, 2] = (255, 51, 0)
    images = as_images(pixels)
    assert images.shape == (2, 3, 4, 4)
    assert torch.allclose(images[0, :, 1, 2], torch.tensor([1.0, -0.6, -1.0]))


def test_a_box_cuts_shares_of_the_sides_before_anything_else():
    image = Image.fromarray((np.arange(20 * 40 * 3) % 251).astype(np.uint8).reshape(20, 40, 3))
    pixels, changes = frame(image, 8, "crop", Sampling((0.25, 0.2, 0.45, 0.6), "lanczos"))
    assert np.array_equal(pixels, np.asarray(image)[4:12, 10:18])
    assert changes == []


@pytest.mark.parametrize("name", FILTERS)
def test_the_named_filter_resizes(name):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    pixels, _ = frame(image, 16, "crop", Sampling((0, 0, 1, 1), name))
    expected = image.resize((16, 16), Image.Resampling[name.upper()])
    assert np.array_equal(pixels, np.asarray(expected))


@pytest.mark.parametrize("box", [(0, 0, 1), (0.5, 0, 0.5, 1), (0, 0, 1.1, 1), (0, 0.9, 1, 0.1), ()])
def test_a_box_that_is_none_is_refused(box):
    with pytest.raises(UserError, match=r"\[left, top, right, bottom\] between 0 and 1"):
        Sampling(box, "lanczos")
