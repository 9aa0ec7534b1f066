"""What a run was judged by, as programs of torch or ONNX that run where this project is not."""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from core import output
from core.errors import UserError

ABOUT = "about.json"  # what a file of torch says of itself; ONNX has metadata of its own
OPSET = 20
TOLERANCE = 1e-4  # of pictures in [-1, 1]: other libraries add in another order
PIXELS = "clip(127.5 x + 128, 0, 255) rounded down"

Function = Callable[[Tensor], Any]
Export = torch.export.ExportedProgram


class Program(nn.Module):
    """One function. It owns no network, so that of all networks only what it uses is written."""

    def __init__(self, call: Function) -> None:
        super().__init__()
        self.call = call

    def forward(self, x: Tensor) -> Any:
        return self.call(x)


class ProgramFormat(NamedTuple):
    """How the file of a program is written, by an example [2, ...] of its input, and read again."""

    suffix: str
    write: Callable[[Program, Tensor, dict[str, str]], bytes]
    read: Callable[[bytes], Function]


def write_torchscript(program: Program, example: Tensor, about: dict[str, str]) -> bytes:
    data = io.BytesIO()
    traced = torch.jit.trace(program, example, check_trace=False)
    torch.jit.save(traced, data, _extra_files={ABOUT: json.dumps(about)})
    return data.getvalue()


def captured(program: Program, example: Tensor) -> Export:
    batch = {0: torch.export.Dim("batch")}
    return torch.export.export(program, (example,), dynamic_shapes=(batch,), strict=False)


def write_torch_export(program: Program, example: Tensor, about: dict[str, str]) -> bytes:
    data = io.BytesIO()
    torch.export.save(captured(program, example), data, extra_files={ABOUT: json.dumps(about)})
    return data.getvalue()


def write_onnx(program: Program, example: Tensor, about: dict[str, str]) -> bytes:
    table: Any = {torch.ops.aten.linalg_solve_ex.default: solve_ex}
    names = [about[key].split(":")[0] for key in ("input", *OUTPUTS) if key in about]
    made: Any = torch.onnx.export(
        captured(program, example).run_decompositions(table),
        input_names=names[:1],
        output_names=names[1:],
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    for end in (*made.model.graph.inputs, *made.model.graph.outputs):
        end.shape[0] = "batch"
    made.model.metadata_props.update(about | {"opset": str(OPSET)})
    return made.model_proto.SerializeToString()


def packages() -> Any:
    """The packages that only this format needs."""
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError("--format onnx needs packages: pip install 'styleshift[onnx]'.") from error
    return onnxruntime


def solve_ex(a: Tensor, b: Tensor, **how: bool) -> tuple[Tensor, Tensor]:
    """`torch.linalg.solve_ex`, which never fails here."""
    return solved(a, b), a.new_zeros(a.shape[:-2], dtype=torch.int32)


def solved(a: Tensor, b: Tensor) -> Tensor:
    """Solution of ``a x = b``, [L, K, K] and [L, K, N], by elimination: ONNX has no solver. Without
    pivots, for matrices of products (RSSA's), which need none.
    """
    n, wide = a.shape[-1], torch.cat([a, b], dim=-1).double()
    for k in range(n):
        pivot = wide[..., k : k + 1, :] / wide[..., k : k + 1, k : k + 1]
        cleared = wide - wide[..., k : k + 1] * pivot
        wide = torch.cat([cleared[..., :k, :], pivot, cleared[..., k + 1 :, :]], dim=-2)
    return wide[..., n:].to(b.dtype)


def read_onnx(data: bytes) -> Function:
    session = packages().InferenceSession(data, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: [torch.from_numpy(y) for y in session.run(None, {name: x.numpy()})]


FORMATS = {
    "torchscript": ProgramFormat(
        ".pt", write_torchscript, lambda data: torch.jit.load(io.BytesIO(data))
    ),
    "torch_export": ProgramFormat(
        ".pt2", write_torch_export, lambda data: torch.export.load(io.BytesIO(data)).module()
    ),
    "onnx": ProgramFormat(".onnx", write_onnx, read_onnx),
}
OUTPUTS = ("output", "second_output")


def chosen(name: str) -> ProgramFormat:
    """A format, once what it needs is there."""
    if name == "onnx":
        packages()
    return FORMATS[name]


@torch.no_grad()
def write(
    adapter: Any, to: Path, form: ProgramFormat, about: dict[str, str], names: set[str]
) -> None:
    """Write the programs of these ``names`` into a folder: ``generator``, latents z to pictures and
    styles, and ``synthesis``, styles to pictures, both with constant noise and nothing random.
    """
    latents, render = adapter.traceable_latents(), adapter.render

    def generator(z: Tensor) -> tuple[Tensor, Tensor]:
        ws = latents(z)
        return render(ws), ws

    z = torch.randn(2, adapter.source.g.z_dim, generator=torch.Generator().manual_seed(0))
    ws, shown = adapter.latents(z), adapter.sample(z)
    pictures = (
        f"images: float32 [N, {', '.join(map(str, shown.shape[1:]))}], RGB, nominally in [-1, 1]"
    )
    styles = f"ws: float32 [N, {ws.shape[1]}, {ws.shape[2]}]"
    normal = f"z: float32 [N, {z.shape[1]}], standard normal"
    entries: dict[str, tuple[Function, Tensor, dict[str, str]]] = {
        "generator": (generator, z, {"input": normal, "output": pictures, "second_output": styles}),
        "synthesis": (render, ws, {"input": styles, "output": pictures}),
    }
    about |= {"pixels": PIXELS, "noise": "constant", "truncation": "none"}
    for name, (call, example, ends) in entries.items():
        if name not in names:
            continue
        with quiet():
            data = form.write(Program(call), example, about | ends)
            made = form.read(data)(example)
        first = made if isinstance(made, Tensor) else made[0]
        apart = float((first - shown).abs().max())
        if not apart <= TOLERANCE:
            raise UserError(
                f"The pictures of {name}{form.suffix} are {apart:.2g} off: not written."
            )
        output.write(to / f"{name}{form.suffix}", data)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what tracers say of shapes that are meant to be constant, and of their own future."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
