"""What numbers may be: annotations of constructors, against which a configuration is checked."""

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, Gt, Le, Len, Lt

MOST = 2**31 - 1  # some kernels of torch count in 32 bits
LARGEST_SEED = 2**32 - 1  # numpy's
LARGEST = 1e30  # times what it is usually multiplied by, float32 still holds it

Natural = Annotated[int, Ge(0), Le(MOST)]
Count = Annotated[int, Gt(0), Le(MOST)]
Pair = Annotated[int, Ge(2), Le(MOST)]  # so many that they differ: a deviation, a comparison
Few = Annotated[int, Gt(0), Le(1_000_000)]  # so many numbers lie in memory at once
Seed = Annotated[int, Ge(0), Le(LARGEST_SEED)]
Weight = Annotated[float, Ge(0), Le(LARGEST)]
Positive = Annotated[float, Gt(0), Le(LARGEST)]
Share = Annotated[float, Ge(0), Le(1)]
Percent = Annotated[float, Ge(0), Le(100)]
Period = Annotated[float, Ge(1)]  # steps from one time to the next; infinity: never
Betas = Annotated[Sequence[Annotated[float, Ge(0), Lt(1)]], Len(2, 2)]  # of Adam
Box = Annotated[Sequence[Share], Len(4, 4)]  # left, top, right, bottom
