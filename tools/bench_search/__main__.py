"""The command line of the comparison, see the package."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from lib_rimo.search.landscape import KINDS
from tools.bench_search import figures, report, runs
from tools.bench_search.methods import METHODS

TUNED = ("small", "mixed", "sparse")
"""Kinds on which the constants were chosen, with seeds from 1,000 up; the others were never tuned on."""
QUICK = {"small": (0.60, 6.0), "mixed": (0.50, 6.0)}
"""Least median share at 640 pictures, and least factor against upstream, in quick mode. A broken search ends near 0."""


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench_search", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two kinds, four seeds, with bounds")
    parser.add_argument("--tiny", action="store_true", help="the tiny family instead of synthetic landscapes")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--partners", nargs="+", type=int, default=[2, 1, 3])
    parser.add_argument("--groups", type=int, default=9)
    parser.add_argument("--budgets", nargs="+", type=int, default=[500, 640, 1000, 2500])
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument(
        "--out", type=Path, default=Path("bench-search"), help="folder of runs, tables and plots"
    )
    parser.add_argument(
        "--insert",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="documents that get the methods' rows",
    )
    options = parser.parse_args(arguments)
    if options.quick:
        return _quick()
    options.out.mkdir(parents=True, exist_ok=True)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    if options.tiny:
        from tools.bench_search import tiny

        print(
            tiny.compare(
                options.out, seeds, sorted(options.budgets), upstream=tiny.UPSTREAM in options.methods
            )
        )
        return 0
    done = runs.make(
        options.out / "runs.jsonl",
        kinds=options.kinds,
        shapes=[(n, options.groups) for n in options.partners],
        budgets=sorted(options.budgets),
        seeds=seeds,
        methods=options.methods,
    )
    print(report.write(done, options.out))
    for document in options.insert:
        text = document.read_text(encoding="utf-8")
        for method in options.methods:
            if method != report.DEFAULT:
                text = figures.insert(text, done, method)
        document.write_text(text, encoding="utf-8")
    return 0


def _quick() -> int:
    with tempfile.TemporaryDirectory() as folder:
        done = runs.make(
            Path(folder) / "runs.jsonl",
            kinds=QUICK,
            shapes=[(2, 9)],
            budgets=[640],
            seeds=range(4),
            methods=["default", "upstream-theater", "0.1 everywhere", "plain average", "best equal weight"],
        )
    print(report.markdown(done))
    rows = {(r.kind, r.method): r for r in report.lines(done) if r.budget == 640}
    failed = 0
    for kind, (least, least_factor) in QUICK.items():
        share, times = rows[kind, "default"].median, report.factor(done, "upstream-theater", kind, 18)
        others = {m: r.median for (k, m), r in rows.items() if k == kind and m != "default"}
        best = max(others, key=lambda m: others[m])
        print(f"{kind}: share {share:.2f} (bound {least}), factor {times:.1f} (bound {least_factor})")
        if share < least or times < least_factor or share <= others[best]:
            print(f"{kind}: under its bounds, or not above {best} ({others[best]:.2f})", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
