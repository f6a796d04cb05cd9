"""Forecast: what runs will take, planned from finished ones and from measurements of this machine."""

from archlab.forecast.planning import Judgement, Plan, plan, smoke
from archlab.forecast.sharing import gpu_count, workers_for

__all__ = ["Judgement", "Plan", "gpu_count", "plan", "smoke", "workers_for"]
