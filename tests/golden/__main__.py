"""Every golden case with its largest deviation: ``python -m tests.golden [pytest options]``.

Runs the tests of this folder, then prints for each case and precision the array that came nearest
to its limit: the largest difference and its share of what is allowed.
"""

import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.golden.held import DEVIATIONS


def case_of(name: str) -> str:
    """The case of an array ``CASE.KEY``, or ``CASE.KEY.stats`` where there is ``CASE.KEY``."""
    array = name.removesuffix(".stats")
    known = any(held == array for held, _ in DEVIATIONS)
    return (array if known else name).rpartition(".")[0]


def table() -> Table:
    """One row a case: the array nearest to its limit in each precision."""
    shown = Table("case", "arrays", title="golden cases")
    shown.columns[0].no_wrap = True
    for bits in (32, 64):
        for title in (f"float{bits}: nearest to its limit", "largest difference", "of the limit"):
            shown.add_column(title, justify="left" if "float" in title else "right")
    cases: dict[str, dict[int, list[str]]] = {}
    for name, bits in sorted(DEVIATIONS):
        cases.setdefault(case_of(name), {}).setdefault(bits, []).append(name)
    for case, found in cases.items():
        cells = []
        for bits in (32, 64):
            names = found.get(bits, [])
            if not names:
                cells += ["", "", ""]
                continue
            worst = max(names, key=lambda name: DEVIATIONS[name, bits].share)
            deviation = DEVIATIONS[worst, bits]
            cells += [worst.removeprefix(f"{case}."), f"{deviation.largest:.1e}"]
            cells += [f"{deviation.share:.0%}"]
        shown.add_row(case, str(max(len(names) for names in found.values())), *cells)
    return shown


def main() -> int:
    """Run, then print."""
    outcome = pytest.main([str(Path(__file__).parent), "-q", "-m", "", *sys.argv[1:]])
    console = Console(width=150)
    console.print(table())
    cases = {case_of(name) for name, _ in DEVIATIONS}
    console.print(f"{len(cases)} cases, {len(DEVIATIONS)} arrays; pytest ended with {outcome!s}.")
    return int(outcome)


if __name__ == "__main__":
    sys.exit(main())
