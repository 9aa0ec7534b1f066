"""Which objects a configuration may name: those of this project and of the libraries it is made of.
A yaml or a command line that somebody sends must not be able to call whatever Python can import.
"""

from pkgutil import resolve_name
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Len
from omegaconf import DictConfig, OmegaConf

from benchmarks.harness.records import nested
from core.bounds import Betas, Count, Natural, Weight
from core.errors import UserError
from core.paths import CONF

PACKAGES = ("core", "adapters", "benchmarks")
ADAM = {"lr": Weight, "betas": Betas, "eps": Weight, "weight_decay": Weight, "amsgrad": bool}
FOREIGN: dict[str, dict[str, Any]] = {
    "lightning.Trainer": {
        "accelerator": Literal["auto", "cpu", "gpu", "cuda", "mps"],
        "devices": Count | Annotated[list[Natural], Len(1)],
        "strategy": Literal["auto"],  # or one of ours
        "precision": Literal["32-true", "bf16-mixed"],  # what the networks are written for
        "max_epochs": Annotated[int, Ge(1), Le(1)],  # which an order of so many pictures fills
        "num_sanity_val_steps": Annotated[int, Ge(0), Le(0)],
        **dict.fromkeys(("deterministic", "use_distributed_sampler", "enable_progress_bar"), bool),
        **dict.fromkeys(("enable_checkpointing", "enable_model_summary", "benchmark"), bool),
    },
    "torch.optim.Adam": ADAM,
    "torch.optim.AdamW": ADAM,
}
"""What conf/ is made of beside our own, and all that it may be given there."""
PLUGINS = (
    "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
    "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
    "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher",
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher",
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher",
)
"""How a multirun runs: what Hydra's own node may name, and nothing else."""
FACTORIES = ("class", "()", "factory")  # keys of a logging configuration that name what is called


def check(node: Any) -> None:
    """Refuse a configuration that names what it may not; the sentence names key and target."""
    plain = OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig) else node
    for key, name, value in nested.entries(plain):
        if name == "_args_":
            raise UserError(f"{key}: arguments have names here; _args_ is refused.")
        if name == "_target_":
            allowed(key, value)


def check_hydra(node: DictConfig) -> None:
    """The same of Hydra's own node, of which Hydra builds callbacks and loggers before any run."""
    for key, name, value in nested.entries(OmegaConf.to_container(node, resolve=False), "hydra"):
        if name == "_target_" and value not in PLUGINS:
            raise UserError(f"{key}={value} is refused: it is none of Hydra's launchers.")
        if name in FACTORIES and "_logging." in key and not str(value).startswith("logging."):
            raise UserError(f"{key}={value} is refused: it is none of Python's log handlers.")
        if key == "hydra.searchpath" and value:
            raise UserError(f"{key}={value} is refused: configurations lie in {CONF.name}/ only.")


def allowed(key: str, target: Any) -> Any:
    """The class or function that a configuration may name: one of this project, or of FOREIGN."""
    words = str(target).split(".")
    if target not in FOREIGN:
        known = isinstance(target, str) and words[0] in PACKAGES
        if not known or not all(word.isidentifier() and word[0] != "_" for word in words):
            names = f"{', '.join(PACKAGES)}, or one of {', '.join(FOREIGN)}"
            raise UserError(f"{key}={target} is refused: it must be in {names}.")
    try:
        called = resolve_name(str(target))
    except Exception as error:  # whatever importing a module of that name may raise
        raise UserError(f"{key}={target} does not exist.") from error
    if not callable(called) or str(getattr(called, "__module__", "")).split(".")[0] != words[0]:
        raise UserError(f"{key}={target} is refused: it is no class or function of {words[0]}.")
    return called
