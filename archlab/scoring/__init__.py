"""xScore, its uncertainty and what it rests on: functions of a table of accuracies alone."""

from archlab.scoring.answer import answer
from archlab.scoring.effects import Effects, effects
from archlab.scoring.elements import ELEMENTS, Elements, architecture_elements, elements, published_elements
from archlab.scoring.frame import LAMBDA, Frame, xscore
from archlab.scoring.noise import seed_noise
from archlab.scoring.own import OwnScore, own_score, with_own_scores
from archlab.scoring.predictors import predictors
from archlab.scoring.reading import in_percent, percent_factor, points, read_table, shipped_tables
from archlab.scoring.regret import WAYS, Regret, regret
from archlab.scoring.reproduction import Reproduction, reproduction
from archlab.scoring.scores import Scores, make_frame, score_table
from archlab.scoring.significance import Comparison, compare_over_datasets
from archlab.scoring.stability import (
    LAMBDAS,
    rank_probabilities,
    ranks_by_lambda,
    ranks_without_each_dataset,
    uneven_gains,
    unrewarded,
    worst_datasets,
)
from archlab.scoring.subsets import Subsets, subsets
from archlab.scoring.tidy import cells, records, seed_means, undefined_on

__all__ = [
    "ELEMENTS",
    "LAMBDA",
    "LAMBDAS",
    "WAYS",
    "Comparison",
    "Effects",
    "Elements",
    "Frame",
    "OwnScore",
    "Regret",
    "Reproduction",
    "Scores",
    "Subsets",
    "answer",
    "architecture_elements",
    "cells",
    "compare_over_datasets",
    "effects",
    "elements",
    "in_percent",
    "make_frame",
    "own_score",
    "percent_factor",
    "points",
    "predictors",
    "published_elements",
    "rank_probabilities",
    "ranks_by_lambda",
    "ranks_without_each_dataset",
    "read_table",
    "records",
    "regret",
    "reproduction",
    "score_table",
    "seed_means",
    "seed_noise",
    "shipped_tables",
    "subsets",
    "undefined_on",
    "uneven_gains",
    "unrewarded",
    "with_own_scores",
    "worst_datasets",
    "xscore",
]
