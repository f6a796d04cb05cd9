"""xScore, its uncertainty and what it rests on: functions of a table of accuracies alone."""

from archlab.scoring.answer import answer
from archlab.scoring.effects import Effects, effects
from archlab.scoring.frame import LAMBDA, Frame, xscore
from archlab.scoring.reading import in_percent, read_table, shipped_tables
from archlab.scoring.scores import Scores, make_frame, score_table

__all__ = [
    "LAMBDA",
    "Effects",
    "Frame",
    "Scores",
    "answer",
    "effects",
    "in_percent",
    "make_frame",
    "read_table",
    "score_table",
    "shipped_tables",
    "xscore",
]
