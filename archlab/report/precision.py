"""The section on int8: does the ranking survive quantisation, and which models suffer."""

from __future__ import annotations

from collections.abc import Iterator

from archlab.report.analysis import Analysis
from archlab.report.quantised import Quantised
from archlab.report.section import Section
from archlab.report.table import Column, Table
from archlab.report.tuned import FEWEST

HOW = (
    "Stored networks, quantised after training as `archlab export --int8` does it, and run by ONNX Runtime on the test images. "
    "Nothing was trained again; both xScores are of the frame of the float networks."
)
MUCH = 1.0  # points
COLUMNS = {
    "model": Column("model"),
    "float_xscore": Column("xScore in float", "number"),
    "xscore": Column("xScore in int8", "number"),
    "float_rank": Column("rank in float", "integer"),
    "rank": Column("rank in int8", "integer"),
    "drop": Column("points lost", "signed", 2),
    "low": Column("low", "signed", 2),
    "high": Column("high", "signed", 2),
    "worst": Column("most on"),
}


def precision(analysis: Analysis) -> Iterator[Section]:
    """None of a study that did not ask for int8."""
    found = analysis.quantised
    if found is None:
        return
    missing = [f"Not scored in int8: {model}: {cause}." for model, cause in found.causes.items()]
    if found.models.empty:
        yield Section("int8", "What int8 costs", missing)
        return
    caption = "Best in int8 first. Points of accuracy lost: means over datasets and seeds, 95 % intervals over images."
    rows = found.models.reset_index()
    table = Table.of("int8", caption, COLUMNS, rows)
    yield Section("int8", "What int8 costs", [HOW, _ranks(found), _losers(found), *missing], tables=[table])


def _ranks(found: Quantised) -> str:
    models = found.models
    if len(models) == 1:
        return "Of one model there is no order that int8 could change."
    changed = models[models["rank"] != models["float_rank"]]
    if changed.empty:
        return f"The order of the {len(models)} models stays."
    moves = [
        f"{model} from {row.float_rank} to {row.rank}"
        for model, row in zip(changed.index, changed.itertuples(), strict=True)
    ]
    told = len(models) >= FEWEST and models["rank"].nunique() > 1 and models["float_rank"].nunique() > 1
    alike = f"; rank correlation {models['rank'].corr(models['float_rank']):.2f}" if told else ""
    return f"{len(changed)} of {len(models)} models change their rank: {', '.join(moves)}{alike}."


def _losers(found: Quantised) -> str:
    sure = found.models[found.models["low"] > MUCH].sort_values("drop", ascending=False)
    if sure.empty:
        return f"No model is known to lose more than {MUCH:g} point."
    named = [f"{model} ({row['drop']:.1f}, {row['low']:.1f} to {row['high']:.1f})" for model, row in sure.iterrows()]
    return f"More than {MUCH:g} point lose, whatever the images: {', '.join(named)}."
