"""A pretrained pair of networks and the way it inverts photos."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn

from core.bounds import Box, Count, Seed
from core.conversion import FRESH, GS, identity, ours
from core.convert.format import GROUP
from core.errors import UserError
from core.inversion.published import PublishedEncoder
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from core.paths import placed
from core.weights import read

Invert = Callable[[Generator, Tensor], Tensor]
WHOLE = (0.0, 0.0, 1.0, 1.0)
MIT = "mit"
COLOURS = 3
PAIRED = "paired--"  # how the names of its runs begin


class Source(nn.Module):
    """A frozen pair, ``g`` (averaged, the one that pictures are compared with) and ``d``, and an
    inverter. ``raw`` is ``g`` as the optimiser left it, from which some released codes start.
    ``sha256`` is of the weights' file, or how they were drawn. ``box`` is left, top, right, bottom
    of what its pictures show of FFHQ's square, as shares of it. ``run`` is the training that made
    it; of ``method=paired`` latents are the normals that people of ParaFaces are made of.
    """

    g: Generator
    raw: Generator

    def __init__(
        self,
        g: Generator,
        d: Discriminator | None,
        raw: Generator,
        *,
        name: str,
        invert: Invert,
        trained: bool,
        sha256: str,
        box: Sequence[float] = WHOLE,
        licence: str = MIT,
        run: str = "",
    ) -> None:
        super().__init__()
        self.g, self.discriminator, self.raw = g, d, raw
        self.name, self.inverter, self.trained, self.sha256 = name, invert, trained, sha256
        self.box, self.licence = tuple(box), licence
        self.names_people = run.startswith(PAIRED)
        self.eval().requires_grad_(False)
        if isinstance(invert, PublishedEncoder):
            invert.check(g)

    @property
    def d(self) -> Discriminator:
        """The discriminator, which a method asks for where it needs one."""
        if self.discriminator is None:
            raise UserError(
                f"The weights of the source {self.name} hold no discriminator (d), which this "
                "method needs: source.discriminator=FILE takes that of another file of "
                f"{self.resolution} px, source.discriminator={FRESH} an untrained one."
            )
        return self.discriminator

    @property
    def resolution(self) -> int:
        """Side of the pictures in pixels."""
        return self.g.img_resolution

    def invert(self, photos: Tensor) -> Tensor:
        """Style rows [N, L, W] whose picture by ``g`` is nearest to photos [N, 3, R, R]."""
        return self.inverter(self.g, photos)


def load(
    *,
    name: str,
    weights: str,
    sha256: str,
    resolution: Count,
    invert: Invert,
    box: Box = WHOLE,
    licence: str = MIT,
    discriminator: str = "",  # another file's, or `fresh`; empty: that of the weights, if any
    seed: Seed = 0,  # of a fresh one
) -> Source:
    """Read a source of a file, ours or one that is published, which is converted once; a wrong
    checksum (empty: any is right) or size is refused.
    """
    path = placed(weights)
    if not path.is_file():
        raise UserError(f"The source's weights are not at {path}.")
    actual = identity(path)
    if sha256 not in ("", actual):
        raise UserError(f"{path} has sha256 {actual}, expected {sha256}.")
    networks, notes = read(ours(path))
    g, raw = (networks.get(one, networks.get(other)) for one, other in (GS, GS[::-1]))
    d = networks.get("d")
    if not isinstance(g, Generator) or not isinstance(raw, Generator):
        held = ", ".join(f"{part} ({type(one).__name__})" for part, one in networks.items())
        raise UserError(f"{path} holds no Generator as g_ema or g, but {held or 'nothing'}.")
    if d is not None and not isinstance(d, Discriminator):
        raise UserError(f"{path} holds a {type(d).__name__} as d.")
    if discriminator:
        d = fresh(g, seed) if discriminator == FRESH else of_file(placed(discriminator))
    for part, one in {"g_ema": g, "g": raw, "d": d}.items():
        file = placed(discriminator) if part == "d" and discriminator else path
        if one and one.img_channels != COLOURS:
            raise UserError(
                f"{file}: {part} is of pictures with img_channels={one.img_channels}, a source has "
                f"{COLOURS}."
            )
        if one and one.img_resolution != resolution:
            raise UserError(
                f"{file}: {part} is of {one.img_resolution} px pictures, not of {resolution} px "
                "(source.resolution)."
            )
    if (raw.num_ws, raw.w_dim, raw.z_dim) != (g.num_ws, g.w_dim, g.z_dim):
        raise UserError(f"{path}: g and g_ema have latents or styles of other widths.")
    facts = {"name": name, "sha256": identity(path, discriminator, seed)}
    facts["run"] = notes.get("run", "")
    return Source(g, d, raw, invert=invert, trained=True, box=box, licence=licence, **facts)


def fresh(g: Generator, seed: int) -> Discriminator:
    """An untrained discriminator of a generator's pictures, as wide as it is."""
    config = {key: g.config[key] for key in ("img_resolution", "channels", "conv_clamp")}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Discriminator(mbstd_group=GROUP, **config)


def of_file(path: Path) -> Discriminator:
    """The discriminator of a file."""
    networks, _ = read(ours(path))
    if not isinstance(d := networks.get("d"), Discriminator):
        raise UserError(f"source.discriminator={path} holds no Discriminator as d.")
    return d


def random_source(
    *,
    name: str,
    resolution: Count,
    seed: Seed,
    invert: Invert,
    z_dim: Count,
    w_dim: Count,
    mapping_layers: Annotated[int, Ge(0), Le(100)],
    channels: dict[int, Count],
    mbstd_group: Count,
) -> Source:
    """An untrained pair: the architecture that ``scratch`` starts from, and the source of tests."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        shape: dict[str, Any] = {"img_resolution": resolution, "channels": channels}
        g = Generator(z_dim=z_dim, w_dim=w_dim, mapping_layers=mapping_layers, **shape)
        raw = Generator(**g.config)
        d = Discriminator(mbstd_group=mbstd_group, **shape)
    raw.load_state_dict(g.state_dict())
    drawn = f"untrained-seed{seed}"
    return Source(g, d, raw, name=name, invert=invert, trained=False, sha256=drawn)
