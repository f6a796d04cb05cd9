"""Measurements of archlab on this machine: ratios against other ways of doing the same, and against its own bounds."""

from archlab.bench.bare import bench_step
from archlab.bench.budget import bench_budget
from archlab.bench.data import bench_data
from archlab.bench.gpu import bench_gpu
from archlab.bench.measured import Bench, Spread
from archlab.bench.start import bench_start
from archlab.bench.store import bench_store
from archlab.bench.study import bench_study
from archlab.bench.training import bench_train, bench_workers

__all__ = [
    "Bench",
    "Spread",
    "bench_budget",
    "bench_data",
    "bench_gpu",
    "bench_start",
    "bench_step",
    "bench_store",
    "bench_study",
    "bench_train",
    "bench_workers",
]
