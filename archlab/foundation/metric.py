"""What a metric is: its name, which way is better, its unit; and the metrics that every run keeps."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SHARE = "share"


@dataclass(frozen=True)
class Metric:
    """What a model is judged by.

    Attributes:
        name: As runs and tables call it.
        higher_is_better: Else the lowest is the best.
        unit: `share` (of 1, told in percentage points), or another word, which is told beside the values as they are.
        own: `FILE.py:NAME`, the file in full, and its arguments: of one that no run keeps, computed from class scores.
    """

    name: str
    higher_is_better: bool = True
    unit: str = SHARE
    own: dict[str, dict[str, Any]] | None = None

    @classmethod
    def of(cls, given: Metric | str) -> Metric:
        """It; of a name archlab's metric, or where archlab has none, one of which nothing else is known, told in itself."""
        if isinstance(given, Metric):
            return given
        return METRICS.get(given) or cls(given, unit=given.replace("_", " "))

    @classmethod
    def from_document(cls, document: str | dict[str, Any]) -> Metric:
        """Of what `document` gives."""
        return cls.of(RENAMED.get(document, document)) if isinstance(document, str) else cls(**document)

    def document(self) -> str | dict[str, Any]:
        """As plain JSON values: the name of one that is archlab's, all that is known of any other."""
        return self.name if METRICS.get(self.name) == self else asdict(self)

    @property
    def is_share(self) -> bool:
        return self.unit == SHARE

    @property
    def words(self) -> str:
        """`balanced accuracy`."""
        return self.name.replace("_", " ")

    @property
    def call(self) -> str:
        """`top(k=3)`: its name, and the arguments of a user's own."""
        given = sorted((name, value) for arguments in (self.own or {}).values() for name, value in arguments.items())
        return self.name + (f"({', '.join(f'{name}={value}' for name, value in given)})" if given else "")

    def agrees_with(self, other: Metric) -> bool:
        """Whether both are one, as far as is known: a table says nothing of the arguments of a user's own."""
        known = self.own is not None and other.own is not None
        return self.name == other.name and (not known or self.call == other.call)

    def __str__(self) -> str:
        return self.name


METRICS = {
    each.name: each
    for each in (
        Metric("accuracy"),
        Metric("balanced_accuracy"),
        Metric("macro_f1"),
        Metric("auroc"),
        Metric("log_loss", higher_is_better=False, unit="nats"),
        Metric("calibration_error", higher_is_better=False),
    )
}
"""Those that every run keeps; `archlab.training.measures` computes them."""
METRICS_TO_CHOOSE_BY = [name for name in METRICS if name != "calibration_error"]  # of which who knows nothing has least
RENAMED = {"loss": "log_loss"}
"""What runs stored before call a metric."""
UNDEFINED = "all its images are of one class"  # why a split has no value of one of METRICS
