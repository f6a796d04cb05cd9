"""A study of stand-in runs as a program of its own, to be killed: `python study_program.py HOME RUNS WORKERS`."""

import sys

from standin import compute, make_run

from archlab.runs import Store


def study(count: int):
    """Runs of two models on three datasets."""
    return [
        make_run(seed, model=f"m{seed % 2}", width=1 + seed % 2, dataset=f"d{seed % 3}", dataset_digest=str(seed % 3))
        for seed in range(count)
    ]


if __name__ == "__main__":
    home, count, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    try:
        outcome = compute(study(count), Store(home), workers=workers, retries=3)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(1 if outcome.failed else 0)
