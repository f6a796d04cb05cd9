"""Forecast: what runs will take, planned from finished ones and from measurements of this machine."""

from archlab.forecast.counting import check_counts
from archlab.forecast.planning import Judgement, Plan, plan, smoke, without_seeds
from archlab.forecast.sharing import with_workers

__all__ = ["Judgement", "Plan", "check_counts", "plan", "smoke", "with_workers", "without_seeds"]
