"""xScore, its uncertainty and what it rests on: functions of a table of accuracies alone."""

from archlab.scoring.frame import LAMBDA, Frame, xscore
from archlab.scoring.scores import Scores, make_frame, score_table

__all__ = ["LAMBDA", "Frame", "Scores", "make_frame", "score_table", "xscore"]
