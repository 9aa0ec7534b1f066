"""What single exemplars do in a finished run: pictures and numbers.

``python -m benchmarks.exemplars data=parafaces_clay seed=0`` reads the run of DualStyleGAN of the
same words and writes into its folder ``matrix.png`` (rows photos, columns styles), ``strip.png``
(structure weight 0 to 1) and ``destylised.png``. The numbers go to ``results/exemplars``, where the
tables read them.

With ``method=finetune`` or another the numbers have the same names. Where a method makes one style
of all exemplars, a photo's result is the same for each of them: distance 0, and the nearest
exemplar is the right one by chance. The honest rival is what such a generator can do all the same,
exchange rows for those of the exemplar's inversion; its numbers begin with ``rows_``.
"""

import json

from benchmarks.harness.config.cli import command


@command(about=__doc__)
def main(words: list[str]) -> int:
    from benchmarks.harness.stylize.exemplar_evaluation import evaluate

    numbers, folder, record = evaluate(words)
    print(json.dumps(numbers, indent=2))
    print(f"pictures: {folder}\nnumbers: {record}")
    return 0


if __name__ == "__main__":
    main()
