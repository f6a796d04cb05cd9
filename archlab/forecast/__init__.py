"""Forecast: what runs will take, planned from finished ones and from measurements of this machine."""

from archlab.forecast.planning import Judgement, Plan, plan, smoke
from archlab.forecast.sharing import with_workers

__all__ = ["Judgement", "Plan", "plan", "smoke", "with_workers"]
