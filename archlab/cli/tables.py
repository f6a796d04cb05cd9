"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archlab.cli.streams import echo
from archlab.foundation.escaping import in_one_line

if TYPE_CHECKING:
    from archlab.study.ablation import Ablation

ENDS = ("difference", "low", "high")
TITLES = {"macs": "MACs", "xscore": "xScore", "xscore_low": "low", "xscore_high": "high", "difference": "to base"}
TITLES |= {"at_chance": "at chance"}


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Prints rows on standard output; whole numbers to the right, grouped by thousands, and nothing for None.

    On a terminal names wrap, and columns that have no room stand below, so that no number breaks.
    """
    from rich.console import Console
    from rich.table import Table

    from archlab.cli.columns import FILE_WIDTH, in_blocks, lines_of

    console = Console(markup=False, highlight=False)
    edge, console.width = console.width if console.is_terminal else FILE_WIDTH, FILE_WIDTH
    titles, cells = [_written(name) for name in columns], [[_written(value) for value in row] for row in rows]
    for at, block in enumerate(in_blocks(titles, cells, edge)):
        table = Table(box=None, pad_edge=False, header_style="bold")
        for index, width in block:
            is_number = any(isinstance(row[index], (int, float)) for row in rows)
            heading = "\n".join(lines_of(titles[index], width))
            table.add_column(heading, justify="right" if is_number else "left", no_wrap=True)
        for row in cells:
            table.add_row(*("\n".join(lines_of(row[index], width)) for index, width in block))
        if at:
            console.print()
        console.print(table)


def print_scores(found: Ablation, *more: str) -> None:
    """The scores of an ablation, best first: costs, the metric on each dataset, mean, variance, xScore; `more` columns last."""
    table = found.scores
    columns = ["model", "role", "params", "macs", *found.dataset_columns.values(), "mean", "variance"]
    columns += [*(found.scored.own if found.scored else ()), "xscore"]
    columns += ["xscore_low", "xscore_high"] if table["xscore_low"].notna().any() else []
    columns += more
    columns += ["at_chance"] if table["at_chance"].any() else []
    rows = [
        [rounded(value, signed=name == "difference") for name, value in zip(columns, row, strict=True)]
        for row in table[columns].itertuples(index=False)
    ]
    print_table([TITLES.get(name, name) for name in columns], rows)


def print_gains(found: dict[str, Any] | None) -> None:
    """Gains on the datasets seen and on those not seen, side by side, of a document's `unseen`; nothing without."""
    from archlab.scoring import gains_in_words
    from archlab.scoring.gains import unit_of

    if found is None:
        return
    if not found["gains"]:
        echo("\n" + "\n".join(gains_in_words(found)))
        return
    echo(f"\nDoes it hold on {', '.join(found['datasets'])}, which took no part in any choice?\n")
    rows = [
        [
            f"{gain['choice']}={gain['option']}",
            gain["against"],
            gain["kind"].replace("_", " "),
            unit_of(gain, found),
            *(rounded(gain[side][end], signed=True) for side in ("seen", "unseen") for end in ENDS),
            gain["holds"],
        ]
        for gain in found["gains"]
    ]
    ends = ("low", "high")
    print_table(("gain of", "over", "kind", "in", "seen", *ends, "not seen", *ends, "holds"), rows)


def rounded(value: Any, *, signed: bool = False) -> Any:
    """A number with three decimals; None for one that is not known."""
    if not isinstance(value, float):
        return value
    if value != value:  # NaN
        return None
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def _written(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if type(value) is int else in_one_line(str(value))
