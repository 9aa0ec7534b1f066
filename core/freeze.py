"""What trains is said once, by name."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

from torch import nn

from core.errors import UserError

M = TypeVar("M", bound=nn.Module)


def freeze(model: M, patterns: Sequence[str]) -> M:
    """Freeze parameters by name, by patterns in order, as in a .gitignore: ``"synthesis.b4.*"``
    freezes what it matches, ``"!b4.*"`` thaws it again. One that matches nothing is an error.
    """
    parameters = dict(model.named_parameters())
    for pattern in patterns:
        hit = [n for n in parameters if fnmatchcase(n, pattern.removeprefix("!"))]
        if not hit:
            raise UserError(f"No parameter matches {pattern!r}; there is {next(iter(parameters))}.")
        for name in hit:
            parameters[name].requires_grad_(pattern.startswith("!"))
    return model


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that are not frozen, in the model's order."""
    return [p for p in model.parameters() if p.requires_grad]


def all_but_highest(*, resolution: int, blocks: int) -> list[str]:
    """Patterns that train only the ``blocks`` highest-resolution blocks of a generator, which is
    what ``freezeG`` counts in the public Cartoon-StyleGAN code; the mapping network is frozen too.
    """
    trained = [resolution >> i for i in range(blocks) if resolution >> i > 4]
    return ["*", *(f"!synthesis.b{r}.*" for r in trained)]
