"""`python -m tests.comparisons NAME [--repeats N] [--store PATH] [--json]`, from the root of a checkout."""

from __future__ import annotations

import click

from archlab.cli.bench import measure_options, run_bench
from tests.comparisons.budget import bench_budget
from tests.comparisons.data import bench_data
from tests.comparisons.gpu import bench_gpu
from tests.comparisons.study import bench_study
from tests.comparisons.training import bench_train

MEASUREMENTS = {
    "train": bench_train,
    "data": bench_data,
    "study": bench_study,
    "budget": bench_budget,
    "gpu": bench_gpu,
}


@click.command()
@click.argument("name", type=click.Choice(list(MEASUREMENTS)))
@measure_options
def main(name: str, repeats: int, store: str | None, as_json: bool) -> None:
    """Measures archlab beside timm's parts, torchvision's ImageFolder, a plain script or fvcore."""
    run_bench(MEASUREMENTS[name], repeats, store, as_json)


if __name__ == "__main__":
    main()
