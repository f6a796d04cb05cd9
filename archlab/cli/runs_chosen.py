"""The runs of a listing that are of a model, a dataset, a finished study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlab.foundation import UserError
from archlab.runs import Store

if TYPE_CHECKING:
    import pyarrow


def chosen(
    table: pyarrow.Table, store: Store, model: str | None, dataset: str | None, study: str | None
) -> pyarrow.Table:
    """The rows that are meant; None leaves nothing out. Raises UserError where there is none of such a name."""
    names = table.column("model").to_pylist()
    if model is not None:
        wanted = {name for name in names if name == model or name.partition("+")[0] == model}
        table = _kept(table, "model", wanted, model, set(names))
    if dataset is not None:
        known = set(table.column("dataset").to_pylist())
        table = _kept(table, "dataset", {dataset} & known, dataset, known)
    if study is not None:
        from archlab.report import keys_of_study

        table = _only(table, "key", keys_of_study(study, store.home))
    return table


def _kept(table: pyarrow.Table, column: str, wanted: set[str], name: str, known: set[str]) -> pyarrow.Table:
    if not wanted:
        raise UserError(f"no finished run has the {column} {name!r}", name=name, known=sorted(known))
    return _only(table, column, wanted)


def _only(table: pyarrow.Table, column: str, values: set[str]) -> pyarrow.Table:
    import pyarrow
    from pyarrow import compute

    return table.filter(compute.is_in(table.column(column), pyarrow.array(sorted(values), pyarrow.string())))
