"""Compares searches on synthetic landscapes whose truth is known, and on the tiny family.

    python -m tools.bench_search                  the whole comparison (hours); goes on where it was interrupted
    python -m tools.bench_search --quick          a minute; exit code 1 if the default falls under its bounds
    python -m tools.bench_search --tiny           real diffusion models (hours on a processor)
    python -m tools.bench_search --kinds large dense --partners 2 --budgets 640 1000 --seeds 5

Every run is one line of ``runs.jsonl`` in the output folder; a run that is there is not made again. Beside it go the
tables (``table.md``, ``table.csv``) and plots.
"""
