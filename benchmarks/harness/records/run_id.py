"""Where a run belongs: its name, its place, and what its record begins with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from benchmarks.harness.records import recipe as ids
from benchmarks.harness.records.record import SCHEMA, Node

RECORD, WEIGHTS, SHEET = "record.json", "generator.safetensors", "sheet.png"
"""Files in the folder of a run."""


class Place(NamedTuple):
    """Where a run lies."""

    recipe: str  # eight hex digits of what defines it, see `ids.recipe`
    folder: Path  # its weights, picture and curves
    published: Path  # its record among the results

    @classmethod
    def of(cls, unresolved: Node, choices: dict[str, str], results: str, source: str) -> Self:
        """That of a configuration whose interpolations are still in it, by its source's name."""
        recipe = ids.recipe(unresolved, choices)
        name = ids.name(choices | {"source": source}, recipe, unresolved["seed"])
        root = Path(results)
        return cls(recipe, root / "out" / name, root / "runs" / f"{name}.json")


@dataclass(frozen=True)
class RunId:
    """A run to be, or one that was."""

    config: dict[str, Any]  # resolved, as the record stores it: classes under their own names
    head: dict[str, Any]  # what its record begins with
    folder: Path  # where its weights, picture and curves lie
    published: Path  # its record among the results

    @classmethod
    def of(cls, place: Place, resolved: Node, choices: dict[str, str], words: list[str]) -> Self:
        """The run of a configuration; ``words`` are those of its command line that made it."""
        if not resolved["swap"]["resolution"]:
            words = [word for word in words if not word.startswith("swap")]
        chosen = {group: choices[group] for group in ids.GROUPS}
        own = {"seed": resolved["seed"], "recipe": place.recipe}
        own["overrides"] = ids.portable(words)
        head = {"schema": SCHEMA, **chosen, **own}
        config = ids.portable(ids.unaddressed(ids.spell_infinity(resolved)))
        return cls(config, head, place.folder, place.published)

    @property
    def name(self) -> str:
        """Of its folder, and of its record without the ending."""
        return self.folder.name

    @property
    def title(self) -> str:
        upto = self.config["swap"]["resolution"]
        swapped = [f"up to {upto} px the source's layers"] if upto else []
        return " / ".join([self.head["method"], self.head["data"], *swapped])
