"""Measurements of archlab on this machine, and searches replayed on recorded landscapes."""

from archlab.bench.gpu import bench_gpu
from archlab.bench.measured import Bench, Spread
from archlab.bench.workers import bench_workers

__all__ = ["Bench", "Spread", "bench_gpu", "bench_workers"]
