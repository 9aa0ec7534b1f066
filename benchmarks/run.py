"""Adapt, measure, write: ``python -m benchmarks.run method=freezesg data=parafaces_webtoon``."""

import argparse
import os
import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from benchmarks.harness.config import help_page
from benchmarks.harness.config.cli import command, status_of
from benchmarks.harness.config.compose import Composition, compose, composition, replacing
from benchmarks.harness.io.signals import Signals
from core.errors import UserError
from core.paths import CONF


@command()
def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.run", add_help=False, allow_abbrev=False, usage=help_page.USAGE
    )
    parser.add_argument("words", nargs="*")
    parser.add_argument("-h", "--help", action="store_true")
    # Those of Hydra that are of use here.
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("-c", "--cfg", choices=["job"])
    parser.add_argument("-p", "--package", default="")
    parser.add_argument("--resolve", action="store_true")
    asked = parser.parse_intermixed_args(words)
    if asked.help:
        print(help_page.page())
        return 0
    if asked.multirun:
        return multirun(asked.words)
    job = compose(asked.words)
    if asked.cfg:
        part = OmegaConf.select(job.cfg, asked.package) if asked.package else job.cfg
        if not isinstance(part, DictConfig):
            raise UserError(f"There is no group {asked.package!r} to show.")
        print(OmegaConf.to_yaml(part, resolve=asked.resolve), end="")
        return 0
    return conduct(job, many=False)


def conduct(job: Composition, *, many: bool) -> int:
    from benchmarks.harness import experiment  # torch and Lightning, once the words are known

    with Signals() as signals:
        ending = experiment.run(job, many=many, signals=signals)
    return 0 if many else ending.value  # a multirun goes on; the record says it


def multirun(words: list[str]) -> int:
    """All combinations of the words, by whatever launcher of Hydra's they name."""
    compose([word for word in words if word.lstrip("+~").startswith("hydra")])  # checks its node
    os.environ["HYDRA_FULL_ERROR"] = "1"  # what is wrong is for our frame to say
    sys.argv[1:] = ["--multirun", *replacing(words)]
    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(task)()
    except SystemExit as leaving:  # of a task in this process, which has said why
        return int(leaving.code or 0)
    return 0


def task(cfg: DictConfig) -> None:
    """One job of a multirun, in whichever process; a word that cannot be meant ends it all."""
    if status := status_of(lambda: conduct(composition(cfg, HydraConfig.get()), many=True)):
        sys.exit(status)


if __name__ == "__main__":
    from benchmarks import run as module  # launchers send the task to other processes by its name

    module.main()
