"""What the engine costs, against the same NumPy calls by hand and against its peers: one process, interleaved, ratios.

    python3 dev.py bench                 all cases
    python3 dev.py bench chain --rounds 30

Times within a round follow each other directly, and the ratio is taken round by round, so that a machine that slows
down slows everybody down. Printed are the median ratio and the quartiles, never a time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from cases import CASES

Contender = Callable[[], object]


def seconds(run: Contender, repeats: int) -> float:
    """Return the time of one call, as the mean of some."""
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats


def repeats_for(run: Contender, at_least: float = 0.02) -> int:
    """Find how many calls take long enough to be measured."""
    run()
    return max(1, int(at_least / max(seconds(run, 1), 1e-9)))


def compare(contenders: dict[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Run all contenders in turns; return each one's time over the first one's, round by round."""
    repeats = {name: repeats_for(run) for name, run in contenders.items()}
    ratios: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        times = {name: seconds(run, repeats[name]) for name, run in contenders.items()}
        base = next(iter(times.values()))
        for name, taken in times.items():
            ratios[name].append(taken / base)
    return ratios


def report(title: str, ratios: dict[str, list[float]]) -> str:
    """Write the ratios of one case as a table."""
    base = next(iter(ratios))
    lines = [title, f"  {'':24}{'median':>8}   quartiles   (1.00 is {base})"]
    for name, values in ratios.items():
        low, middle, high = statistics.quantiles(values, n=4)
        lines.append(f"  {name:24}{middle:8.2f}   {low:.2f} to {high:.2f}")
    return "\n".join(lines)


def main() -> None:
    """Run the cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"which of {', '.join(CASES)}; all by default")
    parser.add_argument("--rounds", type=int, default=20, help="how often the contenders take turns (default: 20)")
    parser.add_argument("--torch", action="store_true", help="let PyTorch take part (it has to be installed)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.cases if name not in CASES]
    if unknown:
        parser.error(f"no case is called {unknown[0]!r}; there are {', '.join(CASES)}")
    for name in arguments.cases or CASES:
        title, contenders = CASES[name](arguments.torch)
        with np.errstate(all="ignore"):
            print(report(title, compare(contenders, max(2, arguments.rounds))), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
