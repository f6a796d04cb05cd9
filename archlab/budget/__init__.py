"""Parameters, multiply-accumulates, activations, memory; budgets; fitting the width."""

from archlab.budget.budget import Budget, parse_budget
from archlab.budget.closed_form import count
from archlab.budget.cost import Cost
from archlab.budget.fit import Fitted, fit, fit_width
from archlab.budget.layers import count_layers
from archlab.budget.liveness import peak_elements
from archlab.budget.measured import UncountableError, measure
from archlab.budget.memory import check_memory

__all__ = [
    "Budget",
    "Cost",
    "Fitted",
    "UncountableError",
    "check_memory",
    "count",
    "count_layers",
    "fit",
    "fit_width",
    "measure",
    "parse_budget",
    "peak_elements",
]
