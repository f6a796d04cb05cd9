"""`archlab report`: tables, plots and a page of finished studies."""

from __future__ import annotations

from pathlib import Path

import click

from archlab.cli.completion import RESULTS
from archlab.cli.options import FRAME, PATH, STORE, together
from archlab.cli.streams import documents_alone, echo
from archlab.foundation import UserError, home_to_read
from archlab.foundation.escaping import file_name, in_one_line

FORMS = {
    "markdown": "Markdown",
    "html": "the page",
    "latex": "the tables as LaTeX (booktabs)",
    "csv": "the score table as CSV",
    "json": "one JSON document",
}


@click.command()
@click.argument("studies", nargs=-1, required=True, metavar="STUDY...", shell_complete=RESULTS)
@together(
    *(click.option(f"--{form}", is_flag=True, help=f"Print {what}, and write nothing.") for form, what in FORMS.items())
)
@click.option(
    "--against", metavar="TABLE", help="Hold every cell against those of another study or table: zhang2025, ..."
)
@click.option("--agreement", is_flag=True, help="Of two studies, a cheap and a dear one: do they rank alike?")
@FRAME
@click.option("--metric", help="What a table holds  [default: what it says, else accuracy]")
@click.option("--lower-is-better", is_flag=True, help="The metric is one of your own whose lowest value is best.")
@click.option("--output", type=PATH, metavar="FOLDER", help="Where to write  [default: reports/STUDY in the store]")
@click.option("--plots", "with_plots", is_flag=True, help="Write each plot as an SVG and a PNG file too.")
@STORE
def report(
    studies: tuple[str, ...],
    against: str | None,
    agreement: bool,
    frame: str | None,
    metric: str | None,
    lower_is_better: bool,
    output: Path | None,
    with_plots: bool,
    store: str | None,
    **forms: bool,
) -> None:
    """Reports on finished studies, or on any table of accuracies.

    STUDY is the name of a study that `archlab ablate` has run, a CSV or Parquet file, or `zhang2025`, the published table
    (`zhang2025.csv` where a study of that name has run; for TABLE the published one goes first).
    Several are scored again in one frame; with --agreement the report is on the second of two, and holds the order of its
    models against that of the first. Prints Markdown and writes report.html, report.md, report.tex and the tables as CSV.
    """
    from archlab.report import analyse, in_frame_of, namesake, read_material, read_standard, text, write

    named = [form for form in FORMS if forms[form]]
    if len(named) > 1:
        raise UserError(f"{' and '.join(f'--{form}' for form in named)} exclude each other")
    form = named[0] if named else None
    if form:
        click.get_current_context().find_root().with_resource(documents_alone())
    if form and (output or with_plots):
        raise UserError(f"--{form} prints, so it takes neither --output nor --plots")
    if agreement and len(studies) != 2:
        raise UserError(f"--agreement takes two studies or tables, a cheap and a dear one, not {len(studies)}")
    place = home_to_read(store)
    asked = metric, lower_is_better
    other = read_standard(against, place, *asked) if against else None
    materials = [read_material(study, place, *asked) for study in studies]
    if frame:
        materials = [in_frame_of(each, frame) for each in materials]
    cheap = materials.pop(0) if agreement else None
    analysis = analyse(materials, other, cheap)
    for study in studies:
        if namesake(study, place):
            echo(f"{study} is your finished study; the published table of that name is {study}.csv", err=True)
    if against and (folder := namesake(against, place)):
        echo(f"held against the published table {against}; your finished study of that name is {folder}", err=True)
    for warning in analysis.warnings:
        echo(f"warning: {in_one_line(warning)}", err=True)
    echo(text(analysis, form or "markdown"), nl=False)
    if not form:
        name = analysis.name.replace(" + ", "+")
        if analysis.agreement:
            name = f"{analysis.agreement.cheap}+{name}"
        written = output or place / "reports" / file_name(name)
        write(analysis, written, with_plots=with_plots)
        echo(f"the page and its tables are in {written}", err=True)
