"""Objects of a configuration; nobody else instantiates."""

from typing import Any

from hydra.utils import instantiate

from benchmarks.harness.config import targets
from benchmarks.harness.config.files import Config
from core.errors import UserError


def build(node: Config, *args: Any, **late: Any) -> Any:
    """The object that a yaml node describes; late parts are given to its partial."""
    targets.check(node)
    built = instantiate(node, _convert_="object")
    try:
        return built(*args, **late) if args or late else built
    except TypeError as error:
        if "argument" in str(error):  # Python's words for those that are missing
            raise UserError(f"{error}.") from error
        raise
