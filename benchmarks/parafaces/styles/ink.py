"""Lines: where a draughtsman would draw one, from jumps of depth, changes of part and creases."""

from benchmarks.parafaces.march import DEPTH, NX, PART, SKIN
from benchmarks.parafaces.noise import compiled, ramp
from benchmarks.parafaces.parameters import Array


@compiled
def outlines(g: Array, radius: int, jump: float, crease: float, out: Array) -> None:
    """Strength in [0, 1] of the line in each sample [size, size].
    A line lies on the nearer side of a jump in depth (head units), and on hair, clothes or glasses
    where they meet skin; creases of the skin, where normals differ by a cosine below ``crease``,
    are fainter.
    """
    size = g.shape[1]
    out[:] = 0
    for i in range(size):
        for j in range(size):
            part = int(g[PART, i, j])
            if part == 0:
                continue
            line = 0.0
            for di in range(-1, 2):
                for dj in range(-1, 2):
                    if di == 0 and dj == 0:
                        continue
                    m = min(max(i + di * radius, 0), size - 1)
                    n = min(max(j + dj * radius, 0), size - 1)
                    gap = g[DEPTH, m, n] - g[DEPTH, i, j]
                    other = int(g[PART, m, n])
                    line = max(line, ramp(0.6 * jump, 1.2 * jump, gap))
                    if other != 0 and other < part:
                        line = max(line, 0.85)
                    if crease > -1 and part == SKIN and other == SKIN:
                        dot = 0.0
                        for k in range(3):
                            dot += g[NX + k, i, j] * g[NX + k, m, n]
                        line = max(line, 0.6 * ramp(crease, crease - 0.25, dot))
            out[i, j] = line


@compiled
def line_radius(size: int) -> int:
    """Half the width of a line in samples: about 1/128 of the picture."""
    return max(1, int(size / 128 + 0.5))
