"""xScore, its uncertainty and what it rests on: functions of a table of accuracies alone."""

from archlab.scoring.agreement import SCORES, Agreement, agreement
from archlab.scoring.answer import answer
from archlab.scoring.chance import at_chance, chance
from archlab.scoring.deciding import chance_decided
from archlab.scoring.effects import Effects, Matters, Rounds, effects
from archlab.scoring.elements import ELEMENTS, Elements, architecture_elements, elements, published_elements
from archlab.scoring.frame import Frame, xscore
from archlab.scoring.gains import Gains, gains_in_words, side_by_side
from archlab.scoring.image_noise import ImageNoise
from archlab.scoring.metric_of_table import metric_of
from archlab.scoring.noise import seed_noise
from archlab.scoring.own import own_score, with_own_scores
from archlab.scoring.predictors import predictors
from archlab.scoring.reading import (
    column_of_means,
    decimals,
    in_percent,
    percent_factor,
    points,
    read_table,
    shipped_tables,
)
from archlab.scoring.regret import WAYS, Regret, regret
from archlab.scoring.reproduction import Reproduction, reproduction
from archlab.scoring.scores import Scores, make_frame, score_table
from archlab.scoring.significance import Comparison, compare_over_datasets
from archlab.scoring.stability import (
    LAMBDAS,
    may_be_best,
    rank_probabilities,
    ranks_by_lambda,
    ranks_without_each_dataset,
    uneven_gains,
    worst_datasets,
)
from archlab.scoring.subsets import Subsets, subsets
from archlab.scoring.tidy import cells, records, seed_means, undefined_on, uneven_seeds

__all__ = [
    "ELEMENTS",
    "LAMBDAS",
    "SCORES",
    "WAYS",
    "Agreement",
    "Comparison",
    "Effects",
    "Elements",
    "Frame",
    "Gains",
    "ImageNoise",
    "Matters",
    "Regret",
    "Reproduction",
    "Rounds",
    "Scores",
    "Subsets",
    "agreement",
    "answer",
    "architecture_elements",
    "at_chance",
    "cells",
    "chance",
    "chance_decided",
    "column_of_means",
    "compare_over_datasets",
    "decimals",
    "effects",
    "elements",
    "gains_in_words",
    "in_percent",
    "make_frame",
    "may_be_best",
    "metric_of",
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
    "side_by_side",
    "subsets",
    "undefined_on",
    "uneven_gains",
    "uneven_seeds",
    "with_own_scores",
    "worst_datasets",
    "xscore",
]
