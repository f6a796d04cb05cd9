"""The scores of a search's final table on one split, and the differences between them."""

from __future__ import annotations

import numpy as np

from archlab.study.ablation import Ablation, scores_on

LEVEL, DRAWS = 0.95, 4000


class FinalScores:
    """Of the models that are complete; none where no frame can be made.

    Attributes:
        references: Those that span the frame, by name.
    """

    def __init__(self, final: Ablation, split: str):
        from archlab.scoring import cells
        from archlab.scoring.intervals import draw_scores
        from archlab.scoring.noise import seed_noise

        self.references: list[str] = []
        self.draws: np.ndarray | None = None  # draws x models, where there are repeated seeds
        study, table = final.study, final.table
        scores = scores_on(split, study, table)
        if scores is None or scores.frame is None:
            return
        self.models = scores.models.dropna(subset=["xscore"])
        self.references = [name for name in study.frame if name in self.models.index]
        noise = seed_noise(cells(table, split), list(self.models.index), list(scores.frame.datasets))
        if noise.known:
            self.draws = draw_scores(noise, scores.frame, study.weight_of_variance, DRAWS)

    @property
    def best_reference(self) -> str | None:
        """None where no reference is complete."""
        return max(self.references, key=lambda name: float(self.models["xscore"][name]), default=None)

    def of(self, name: str) -> dict[str, float | None]:
        """xscore, and its 95 % interval as low and high; nothing where the model is not complete."""
        if not self.references or name not in self.models.index:
            return {}
        row = self.models.loc[name].to_dict()
        return {key: _known(row[column]) for key, column in _COLUMNS.items()}

    def gain(self, name: str, rival: str | None) -> dict[str, float | None]:
        """The difference to another model's xScore, with its 95 % interval; nothing where one is not complete."""
        if rival is None or not self.of(name) or not self.of(rival):
            return {}
        gain = float(self.models["xscore"][name] - self.models["xscore"][rival])
        if self.draws is None:
            return {"gain": gain, "gain_low": None, "gain_high": None}
        one, other = (self.models.index.get_loc(each) for each in (name, rival))
        half = float(np.quantile(np.abs(self.draws[:, one] - self.draws[:, other] - gain), LEVEL))
        return {"gain": gain, "gain_low": gain - half, "gain_high": gain + half}


_COLUMNS = {"xscore": "xscore", "low": "xscore_low", "high": "xscore_high"}


def _known(value: float) -> float | None:
    return None if value != value else float(value)  # NaN
