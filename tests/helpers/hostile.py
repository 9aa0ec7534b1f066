"""Pickles that were written by hand, and files that lie."""

import io
import pickle
import struct
import zipfile
from functools import cache

import torch

STOP = b"."
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
LONG_LINE = b"I" + b"9" * 100_000


def pickled(value):
    """As Python writes it for torch."""
    return pickle.dumps(value, 2)


def as_python_reads(raw):
    """What a careless reader does; only for pickles of this file."""
    return pickle.loads(raw)


MAGIC = pickled(MAGIC_NUMBER) + pickled(1001)
SYSTEM = pickled({"protocol_version": 1001, "little_endian": True, "type_sizes": {}})


def text(value):
    """BINUNICODE."""
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def named(module, name):
    """GLOBAL."""
    return f"c{module}\n{name}\n".encode()


def stacked(module, name):
    """STACK_GLOBAL."""
    return text(module) + text(name) + b"\x93"


def called(callee, *arguments):
    """REDUCE of a tuple of arguments."""
    return callee + b"(" + b"".join(arguments) + b"tR"


def whole(body, protocol=4):
    """A pickle of one value."""
    return b"\x80" + bytes([protocol]) + body + STOP


def commands(marker):
    """Ways in which a pickle runs a command when Python's own machine reads it, by name."""
    shell = text(f"touch {marker}")
    code = text(f"open({str(marker)!r}, 'w').close()")
    return {
        "os.system": called(named("os", "system"), shell),
        "posix.system": called(stacked("posix", "system"), shell),
        "builtins.eval": called(named("builtins", "eval"), code),
        "builtins.exec": called(stacked("builtins", "exec"), code),
        "subprocess.Popen": called(named("subprocess", "Popen"), b"](" + shell + b"e"),
        "builtins.getattr": called(named("builtins", "getattr"), named("os", "path"), text("x")),
        "copyreg._reconstructor": called(
            named("copyreg", "_reconstructor"), named("argparse", "Namespace"), b"N"
        ),
        "torch.load": called(named("torch", "load"), text("/etc/passwd")),
        "collections.OrderedDict.fromkeys": called(
            stacked("collections", "OrderedDict.fromkeys"), b"]"
        ),
    }


def old_opcodes(marker):
    """The same by instructions of protocol 0, which no checkpoint uses."""
    shell = b"S'touch " + str(marker).encode() + b"'\n"
    return {
        "INST": b"(" + shell + b"ios\nsystem\n" + STOP,
        "OBJ": b"(" + named("os", "system") + shell + b"o" + STOP,
        "GLOBAL": named("os", "system") + b"(" + shell + b"tR" + STOP,
    }


def payload(body):
    """A storage of NVIDIA's, whose inner pickle is this one."""
    inner = MAGIC + SYSTEM + whole(body, 2)
    raw = b"B" + struct.pack("<I", len(inner)) + inner
    return whole(b"}" + text("G") + called(named("torch.storage", "_load_from_bytes"), raw) + b"s")


def storage(count, kind="FloatStorage", key="0"):
    """A persistent identity of torch's."""
    return (
        b"("
        + text("storage")
        + named("torch", kind)
        + text(key)
        + text("cpu")
        + b"\x8a\x08"
        + struct.pack("<q", count)
        + b"tQ"
    )


def whole_number(value):
    """LONG1 of eight bytes."""
    return b"\x8a\x08" + struct.pack("<q", value)


def tensor(kept, shape, strides, offset=0):
    """_rebuild_tensor_v2 of a storage."""
    axes = [b"(" + b"".join(map(whole_number, numbers)) + b"t" for numbers in (shape, strides)]
    hooks = called(named("collections", "OrderedDict"))
    return called(
        named("torch._utils", "_rebuild_tensor_v2"),
        kept,
        whole_number(offset),
        *axes,
        b"\x89",
        hooks,
    )


def entries(**values):
    """A dictionary of instructions by name."""
    return b"}(" + b"".join(text(name) + value for name, value in values.items()) + b"u"


def tensorflow_network(variables=b"]", components=b"}"):
    """A network of TensorFlow's StyleGAN2."""
    attributes = entries(variables=variables, components=components)
    return named("dnnlib.tflib.network", "Network") + b")\x81" + attributes + b"b"


def nvidia_module(modules=b"}"):
    """A module of stylegan2-ada-pytorch."""
    persistent = named("torch_utils.persistence", "_reconstruct_persistent_obj")
    return called(persistent, entries(state=entries(_modules=modules)))


def array(shape, data=b""):
    """A float array of numpy."""
    kind = called(named("numpy", "dtype"), text("f4"))
    blank = called(
        named("numpy.core.multiarray", "_reconstruct"), named("numpy", "ndarray"), b")", b"C\x01b"
    )
    axes = b"(" + b"".join(map(whole_number, shape)) + b"t"
    return blank + b"(K\x01" + axes + kind + b"\x89C" + bytes([len(data)]) + data + b"tb"


def nested(around, width=10, depth=15):
    """Something that holds ten times something that holds ten times ..., in a kilobyte."""
    body = around() + b"q\x00"
    for level in range(depth):
        inside = {str(i): b"h" + bytes([level]) for i in range(width)}
        body += around(entries(**inside)) + b"q" + bytes([level + 1])
    return body


def state(entries):
    """A file's tree {"g": entries}, which are given as name and instructions."""
    body = b"".join(text(name) + value for name, value in entries)
    return b"}" + text("g") + b"}(" + body + b"us"


def legacy(body, keys=(), data=b""):
    """A file of torch's as before 1.6."""
    return MAGIC + SYSTEM + whole(body, 2) + pickled(list(keys)) + data


def zipped(members, compression=zipfile.ZIP_STORED):
    """A zip of torch's with these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, value in members.items():
            archive.writestr(f"archive/{name}", value)
    return file.getvalue()


def payloads_in_payloads(depth=1000):
    """Torch's file in a file in a file ..."""
    body = b"N"
    for _ in range(depth):
        inner = MAGIC + SYSTEM + whole(body, 2)
        raw = b"B" + struct.pack("<I", len(inner)) + inner
        body = called(named("torch.storage", "_load_from_bytes"), raw)
    return whole(body)


@cache
def claims():
    """Files that claim more than they hold, by what they claim."""
    huge, large = 2**60, 2**31 - 1
    numbers = torch.zeros(4).numpy().tobytes()
    one = struct.pack("<q", 4) + numbers
    row = tensor(storage(4), (huge,), (0,))
    return {
        "bytes of 2**60": b"\x80\x04\x8e" + struct.pack("<Q", huge),
        "bytes of 2**31": b"\x80\x04B" + struct.pack("<I", large) + b"x" * 10,
        "text of 2**60": b"\x80\x04\x8d" + struct.pack("<Q", huge) + b"x",
        "frame of 2**60": b"\x80\x04\x95" + struct.pack("<Q", huge) + b"N.",
        "memo slot of 2**32": b"\x80\x02Nr" + b"\xff" * 4 + STOP,
        "number of 2**31 bytes": b"\x80\x02\x8b" + struct.pack("<i", large) + b"x" * 10,
        "number of 100,000 digits": b"\x80\x02" + LONG_LINE + b"\n.",
        "number of 100,000 bytes": b"\x80\x02\x8b" + struct.pack("<i", 10**5) + b"x" * 10**5 + STOP,
        "storage of 2**60, old": legacy(state([("a", tensor(storage(huge), (4,), (1,)))]), ["0"]),
        "storage of 2**40, old": legacy(
            state([("a", tensor(storage(2**40), (4,), (1,)))]),
            ["0"],
            struct.pack("<q", 2**40) + numbers,
        ),
        "negative storage, old": legacy(
            state([("a", tensor(storage(-4), (4,), (1,)))]), ["0"], struct.pack("<q", -4)
        ),
        "tensor of 2**60 by stride 0": legacy(state([("conv1.conv.weight", row)]), ["0"], one),
        "tensor beyond its storage": legacy(
            state([("a", tensor(storage(4), (2, 2), (4, 1)))]), ["0"], one
        ),
        "tensor before its storage": legacy(
            state([("a", tensor(storage(4), (4,), (1,), offset=-1))]), ["0"], one
        ),
        "tensor of 100 axes": legacy(
            state([("a", tensor(storage(4), (1,) * 100, (1,) * 100))]), ["0"], one
        ),
        "zip storage of 2**40": zipped(
            {
                "data.pkl": whole(state([("a", tensor(storage(2**40), (4,), (1,)))]), 2),
                "data/0": numbers,
            }
        ),
        "zip without its storage": zipped(
            {"data.pkl": whole(state([("a", tensor(storage(4), (4,), (1,)))]), 2)}
        ),
        "zip bomb in the tree": zipped({"data.pkl": bytes(10**8)}, zipfile.ZIP_DEFLATED),
        "zip bomb in a storage": zipped(
            {
                "data.pkl": whole(
                    state([("a", tensor(storage(25 * 10**6), (25 * 10**6,), (1,)))]), 2
                ),
                "data/0": bytes(10**8),
            },
            zipfile.ZIP_DEFLATED,
        ),
        "zip of something else": zipped({"notes.txt": b"hello"}),
        "memo slot of 2**28": b"\x80\x02Nr" + struct.pack("<I", 2**28) + STOP,
        "empty tensor of 2**80": legacy(
            state([("a", tensor(storage(4), (0, 2**40, 2**40), (1, 1, 1)))]), ["0"], one
        ),
        "empty array of 2**80": whole(
            tensorflow_network(b"](" + text("a") + array((0, 2**40, 2**40)) + b"\x86e") * 3
            + b"\x87"
        ),
    }


@cache
def efforts():
    """Small files that would take Python's own machine, or a careless one, very long."""
    deep = b"\x80\x02)" + b"\x85" * 100_000
    doubling = b"\x80\x02)" + b"q\x00h\x00\x86" * 60
    one_storage = legacy(storage(1), ["0"], struct.pack("<q", 1) + bytes(4))
    colliding = b"".join(
        whole_number((2**61 - 1) * (i % 3) + (i << 25)) + b"N" for i in range(10**5)
    )
    return {
        "tuples in tuples as a key": b"\x80\x02}" + deep[2:] + b"Ns.",
        "tuples in tuples": deep + STOP,
        "lists in lists": b"\x80\x02" + b"](" * 50_000 + b"e" * 50_000 + STOP,
        "dictionaries in dictionaries": b"\x80\x02"
        + b"}K\x00" * 200_000
        + b"N"
        + b"s" * 200_000
        + STOP,
        "tuples doubled sixty times as a key": b"\x80\x02}" + doubling[2:] + b"Ns.",
        "a list in itself": b"\x80\x02]q\x00h\x00a.",
        "a million steps": b"\x80\x02](" + b"N" * 10**6 + b"e.",
        "marks and nothing else": b"\x80\x02" + b"(" * 10**5,
        "keys that collide": b"\x80\x02}(" + colliding + b"u.",
        "a key of a megabyte": b"\x80\x02}" + text("x" * 10**6) + b"Ns.",
        "payloads in great number": b"\x80\x02(B"
        + struct.pack("<I", len(one_storage))
        + one_storage
        + b"q\x00"
        + called(named("torch.storage", "_load_from_bytes"), b"h\x00") * 20_000
        + b"t.",
        "networks that share their components": whole(
            nested(lambda inside=b"}": tensorflow_network(components=inside)) + b"h\x0fh\x0f\x87"
        ),
        "modules that share their modules": whole(
            nested(nvidia_module) + b"}" + text("G") + b"h\x0fs"
        ),
        "payloads in payloads": payloads_in_payloads(),
        "an end that is missing": b"\x80\x02}",
        "a million names in one line": b"\x80\x02c" + b"x" * 10**6,
    }
