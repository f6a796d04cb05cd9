"""Measurements of archlab on this machine: ratios against other ways of doing the same, and against its own bounds."""

from archlab.bench.bare import bench_step
from archlab.bench.data import bench_data
from archlab.bench.fused import bench_fused
from archlab.bench.measured import Bench, Spread
from archlab.bench.store import StoreBench, bench_store
from archlab.bench.study import bench_study
from archlab.bench.training import bench_train, bench_workers

__all__ = [
    "Bench",
    "Spread",
    "StoreBench",
    "bench_data",
    "bench_fused",
    "bench_step",
    "bench_store",
    "bench_study",
    "bench_train",
    "bench_workers",
]
