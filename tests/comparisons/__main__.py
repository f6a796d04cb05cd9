"""`python -m tests.comparisons NAME [--repeats N] [--store PATH] [--json]`, from the root of a checkout."""

from __future__ import annotations

import click

from archlab.cli.bench import measure_options, run_bench
from tests.comparisons.budget import bench_budget
from tests.comparisons.data import bench_data
from tests.comparisons.gpu import bench_gpu
from tests.comparisons.start import bench_start
from tests.comparisons.step import bench_step
from tests.comparisons.store import bench_store
from tests.comparisons.study import bench_study
from tests.comparisons.timed import TimedBench
from tests.comparisons.training import bench_train

MEASUREMENTS = {
    "train": bench_train,
    "data": bench_data,
    "study": bench_study,
    "budget": bench_budget,
    "gpu": bench_gpu,
    "step": bench_step,
    "start": bench_start,
    "store": bench_store,
}


@click.command()
@click.argument("name", type=click.Choice(list(MEASUREMENTS)))
@measure_options
def main(name: str, repeats: int, store: str | None, as_json: bool) -> None:
    """Measures archlab beside timm's parts, torchvision's ImageFolder, a plain script or fvcore, and against its own bounds."""
    measured = run_bench(MEASUREMENTS[name], repeats, store, as_json)
    if isinstance(measured, TimedBench) and not as_json:
        measured.print()


if __name__ == "__main__":
    main()
