"""What ``benchmarks.run --help`` shows on two screens: what can be chosen, what is changed most."""

import textwrap

from benchmarks.harness.config.validation import choices_of

TITLE = "Few-shot adaptation of StyleGAN2, compared: train one method, evaluate it, record it."
USAGE = "python -m benchmarks.run [method=NAME] [data=NAME] [source=NAME] [key=value ...]"
GROUPS = ("method", "data", "source", "eval", "swap", "machine", "logger")
WIDTH, INDENT = 100, 10
OPTIONS = {
    "seed": "of all that is drawn; numbers are compared over several seeds",
    "method.images": "length of the training",
    "method.batch_size": "images a step",
    "data.root": "where a set of pictures lies: a folder, zip, LMDB or one picture",
    "data.shots": "how many pictures of the domain are learnt from",
    "data.draw": "which of the lists of shots",
    "eval.samples": "generated pictures that are measured",
    "swap.resolution": "up to so many pixels the layers are the source's",
    "machine.threads": "of the CPU; numbers may depend on it",
    "folder": "records, pictures, weights and curves go there",
    "existing": "where the record is there: auto, compare, skip, replace",
    "resume": "from the last checkpoint: auto, must, never",
    "checkpoint.every_kimg": "thousands of images between two checkpoints",
}
OTHERS = (
    "-m                   all combinations of values with commas, one run each",
    "--cfg job            every option as it stands; runs nothing",
    "--cfg job -p method  those of one group; --resolve: with what they refer to",
)
EXAMPLES = (
    "python -m benchmarks.run method=freezesg data=parafaces_webtoon seed=1",
    "python -m benchmarks.run method=jojogan data=folder data.root=PICTURES data.shots=5",
    "python -m benchmarks.run -m method=freezesg,freezed data=parafaces_sketch seed=0,1,2",
)


def page() -> str:
    from omegaconf import OmegaConf

    from benchmarks.harness.config.compose import compose

    cfg = compose().cfg
    lines = [TITLE, "", USAGE, "", "What can be chosen (group=NAME):", ""]
    for group in GROUPS:
        names = textwrap.wrap(" ".join(choices_of(group)), WIDTH - INDENT, break_on_hyphens=False)
        lines += [f"{group if i == 0 else '':<{INDENT}}{line}" for i, line in enumerate(names)]
    lines += ["", "What is changed most (key=value), and as it stands:", ""]
    for key, about in OPTIONS.items():
        lines.append(f"{f'{key}={OmegaConf.select(cfg, key)}':<30}{about}")
    return "\n".join([*lines, "", *OTHERS, "", *EXAMPLES])
