"""A study of stand-in runs as a program of its own, to be killed.

study_program.py HOME RUNS WORKERS [FAULT [SECONDS]]
"""

import sys

from standin import compute, make_run

from archlab.runs import Store

RETRIES = 1000  # each kill of a worker takes one of its run


def study(count: int, fault: str = "", seconds: float = 0.0):
    """Runs of two models on three datasets."""
    more = {"recipe": {"epochs": 2, "fault": fault, "seconds": seconds}} if fault or seconds else {}
    return [
        make_run(
            seed,
            model=f"m{seed % 2}",
            width=1 + seed % 2,
            dataset=f"d{seed % 3}",
            dataset_digest=str(seed % 3),
            **more,
        )
        for seed in range(count)
    ]


if __name__ == "__main__":
    home, count, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    fault, seconds = [*sys.argv[4:], "", ""][:2]
    try:
        outcome = compute(study(count, fault, float(seconds or 0)), Store(home), workers=workers, retries=RETRIES)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(1 if outcome.failed else 0)
