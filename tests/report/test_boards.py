"""What boards took, in a report: a column, a front and a table for each, never shared with a CPU or with another board."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from html.parser import HTMLParser
from itertools import groupby

import pytest
from standin import make_run, make_trained

from archlab.deploy.board_measurements import import_measurements
from archlab.report import analyse, text
from archlab.report.costs import pareto
from archlab.report.scores import ON_BOARDS, costs
from archlab.report.sections import plots, sections
from archlab.report.shipping import shipping
from archlab.report.stored_runs import measured_on_boards, read_runs
from archlab.report.writing import csv_files
from archlab.runs import Store
from tests.report.made import REFERENCES, made_study
from tests.report.test_hostile_names import Elements

NONE = dict.fromkeys(("milliseconds", "low", "high", "n", "peak_memory", "flash", "energy_mj", "note"))
NOISY = 0.1


def row(model, milliseconds, target="Board A", precision="float", **changes):
    facts = {"run": "0" * 64, "model": model, "dataset": "digits", "resolution": 32, "classes": 10, "target": target}
    facts |= {"precision": precision, "file": "board.csv", "imported": "2026-11-27T03:00:00+00:00"}
    return {**facts, **NONE, "milliseconds": milliseconds, **changes}


def study_with(*rows, noise=0.012, **changes):
    return analyse([dataclasses.replace(made_study(datasets=4, seeds=3, noise=noise), boards=list(rows), **changes)])


def cost_section(analysis):
    (section,) = costs(analysis)
    return section


def shipped(analysis):
    (section,) = shipping(analysis)
    return {line[0]: dict(zip(("model", "reason"), line[1:3], strict=True)) for line in section.tables[0].rows}


@pytest.fixture(scope="module")
def one():
    """Four of eleven models."""
    times = dict(zip(REFERENCES[:4], (30.0, 20.0, 40.0, 10.0), strict=True))
    return study_with(*(row(model, ms, low=0.9 * ms, high=1.1 * ms, n=30) for model, ms in times.items()))


@pytest.mark.slow
def test_without_boards_nothing_speaks_of_them(study):
    assert not any(
        re.search(r"\bboards?\b|imported", text(study, form)) for form in ("html", "markdown", "latex", "csv")
    )
    assert json.loads(text(study, "json"))["boards"] == []
    assert not [name for name in {**plots(study), **csv_files(study)} if "board" in name]


def test_with_a_board_all_else_of_the_page_stays(study, one):
    def told(analysis):
        return [line for line in text(analysis, "markdown").splitlines() if not line.startswith("|")]

    before, after = told(study), told(one)
    assert [line for line in before if line not in after] == []
    added = [line for line in after if line not in before]
    assert all("Board A" in line or line == ON_BOARDS for line in added) and len(added) == 3
    assert all(each in list(one.models) for each in study.models)
    assert one.models[list(study.models)].equals(study.models)


def test_the_front_is_of_the_models_that_were_measured(one):
    section = cost_section(one)
    measured = one.models.loc[REFERENCES[:4]]
    assert list(measured["board-1"]) == [30.0, 20.0, 40.0, 10.0]
    assert one.models["board-1"].notna().sum() == 4
    front = pareto(measured["board-1"], measured["xscore"])
    assert f"Not beaten in both latency on Board A and xScore: {', '.join(front)}." in section.sentences
    best = None  # by hand: from the fastest on, each that scores higher than all before
    by_hand = []
    for name, model in measured.sort_values("board-1").iterrows():
        if best is None or model["xscore"] > best:
            best, by_hand = model["xscore"], [*by_hand, name]
    assert front == by_hand
    plot = plots(one)["pareto-board-1"]
    assert "xScore against latency on Board A" in plot.title and ", ".join(front) in plot.alt


def test_the_table_says_where_it_is_from_and_how_many_are_missing(one):
    (table,) = cost_section(one).tables
    assert table.caption == (
        "Measured on Board A, in float, 32 pixels, 10 classes, n = 30, imported from board.csv on 2026-11-27; "
        f"ms: the median, low and high: the quartiles; {len(one.models) - 4} of {len(one.models)} models were not measured "
        "there."
    )
    assert [column.title for column in table.columns] == ["model", "ms", "low", "high"]
    assert [cells[:2] for cells in table.rows] == [
        ["mobilevit", 10.0],
        ["efficientnet", 20.0],
        ["mobilenetv2", 30.0],
        ["convmixer", 40.0],
    ]
    assert next(csv.DictReader(csv_files(one)["board-1.csv"].splitlines()))["ms"] == "10.0"


def test_the_document_has_them_as_they_are(one):
    found = json.loads(text(one, "json"))["boards"]
    assert found == one.material.boards
    assert {"target", "precision", "model", "milliseconds", "low", "high", "n", "file", "imported"} <= found[0].keys()


@pytest.mark.slow
def test_boards_and_precisions_and_the_cpu_never_share_a_column():
    models = REFERENCES[:3]
    rows = [
        row(model, base * (at + 1), target, precision)
        for target, base in (("Board A", 10.0), ("Board B", 100.0))
        for precision, base in (("float", base), ("int8", base / 2))
        for at, model in enumerate(models)
    ]
    found = study_with(*rows)
    heads = {cost.column: (cost.head, cost.title) for cost in found.costs if cost.board}
    assert heads == {
        "board-1": ("on Board A (ms)", "latency on Board A"),
        "board-2": ("on Board A (int8, ms)", "latency in int8 on Board A"),
        "board-3": ("on Board B (ms)", "latency on Board B"),
        "board-4": ("on Board B (int8, ms)", "latency in int8 on Board B"),
    }
    assert [list(found.models.loc[models, column]) for column in heads] == [
        [10.0, 20.0, 30.0],
        [5.0, 10.0, 15.0],
        [100.0, 200.0, 300.0],
        [50.0, 100.0, 150.0],
    ]
    plain = analyse([made_study(datasets=4, seeds=3)])
    assert found.models["latency"].equals(plain.models["latency"])
    assert (
        len(cost_section(found).tables) == 2 and len({f"pareto-{column}" for column in heads} & set(plots(found))) == 4
    )
    first, second = cost_section(found).tables
    assert first.caption.startswith("Measured on Board A, 32 pixels, 10 classes, imported")
    assert [cells[:3] for cells in first.rows][::3] == [["mobilenetv2", "float", 10.0], ["mobilenetv2", "int8", 5.0]]
    assert second.caption.startswith("Measured on Board B")


def test_networks_of_other_sizes_have_columns_of_their_own():
    found = study_with(
        row("mobilenetv2", 10.0),
        row("convmixer", 30.0),
        row("starnet", 5.0, classes=26),
        row("convmixer", 40.0, classes=26),
    )
    heads = {cost.head: cost.column for cost in found.costs if cost.board}
    assert list(heads) == [
        "on Board A at 32 pixels with 10 classes (ms)",
        "on Board A at 32 pixels with 26 classes (ms)",
    ]
    ten, more = (found.models[column].dropna().to_dict() for column in heads.values())
    assert (ten, more) == ({"mobilenetv2": 10.0, "convmixer": 30.0}, {"starnet": 5.0, "convmixer": 40.0})
    (table,) = cost_section(found).tables
    assert [column.title for column in table.columns] == ["model", "classes", "ms"] and len(table.rows) == 4


def test_two_networks_of_one_model_and_size_are_told_apart():
    found = study_with(row("convmixer", 30.0), row("convmixer", 40.0, dataset="pines"), row("starnet", 5.0))
    assert found.models["board-1"]["convmixer"] == 30.0
    (table,) = cost_section(found).tables
    assert [cells for cells in table.rows if cells[0] == "convmixer"] == [
        ["convmixer", "digits", 30.0],
        ["convmixer", "pines", 40.0],
    ]


def test_what_has_no_time_is_in_the_table_alone():
    rows = [row(model, None, peak_memory=64 * 1024, flash=2**21, energy_mj=0.5) for model in REFERENCES[:2]]
    found = study_with(*rows)
    assert not [cost for cost in found.costs if cost.board]
    section = cost_section(found)
    assert ON_BOARDS not in section.sentences
    assert section.tables[0].rows[0] == ["efficientnet", 64.0, 2048.0, 0.5]
    assert not any("Board A" in choice for choice in shipped(found))


def test_a_study_without_scores_still_shows_the_table():
    made = made_study(datasets=4, seeds=3)
    one_dataset = made.table[made.table["dataset"] == "digits"]
    found = analyse([dataclasses.replace(made, table=one_dataset, datasets=["digits"], boards=[row("starnet", 5.0)])])
    (table,) = cost_section(found).tables
    assert table.rows == [["starnet", 5.0]]


@pytest.fixture(scope="module")
def contenders():
    """Of a noisy study the models that may be as good as its best."""
    found = study_with(noise=NOISY)
    assert 2 <= len(found.contenders) < len(found.models)
    return found.contenders


@pytest.mark.slow
def test_the_box_says_the_boards_fastest_in_a_line_beside_the_cpus(contenders):
    slow, fast = contenders[:2]
    rows = [row(slow, 20.0), row(fast, 10.0), row(slow, 4.0, precision="int8"), row(fast, 6.0, precision="int8")]
    rows += [row(slow, 7.0, "Board B"), row(fast, 9.0, "Board B")]
    found = shipped(study_with(*rows, noise=NOISY))
    of = ", of the 2 measured" if len(contenders) > 2 else ""
    assert found.pop("fastest on Board A") == {"model": slow, "reason": f"4.00 ms in int8{of}"}
    assert found.pop("fastest on Board B") == {"model": slow, "reason": f"7.00 ms in float{of}"}
    known = {
        choice: {**line, "reason": line["reason"].removesuffix(" that is known")} for choice, line in found.items()
    }
    assert known == shipped(study_with(noise=NOISY)), "what this machine's CPU takes stays"


@pytest.mark.slow
def test_the_fastest_is_one_that_may_be_the_best_and_where_some_were_not_measured_it_is_said(contenders):
    worst = study_with(noise=NOISY).models["xscore"].idxmin()
    found = shipped(study_with(row(worst, 1.0), row(contenders[1], 10.0), noise=NOISY))
    assert found["fastest on Board A"] == {"model": contenders[1], "reason": "10.00 ms in float, of the 1 measured"}


@pytest.mark.slow
def test_a_boards_name_decides_no_precision(contenders):
    made = made_study(datasets=4, seeds=3, noise=NOISY)
    runs = [run | {"key": f"{at:064x}"} for at, run in enumerate(made.runs)]
    for precision, ending in (("float", ""), ("int8", " --int8")):
        rows = [row(model, 5.0 + 5 * at, "int8 rig in int8", precision) for at, model in enumerate(contenders[:2])]
        ship = json.loads(text(study_with(*rows, noise=NOISY, runs=runs), "json"))["ship"]
        (line,) = [line for line in ship if line["choice"] == "fastest on int8 rig in int8"]
        assert line["model"] == contenders[0] and re.fullmatch(
            f"archlab export [0-9a-f]{{12}}{ending}", line["command"]
        )


HOSTILE = [
    "<script>alert(1)</script>",
    "</svg><img src=x onerror=alert(2)>",
    '" onload="alert(4)',
    r"a\1b\g<0> | c",
    r"$x^2$ $\frac{1}$ 50% #1 {b} _~^&",
    "=cmd|'/c calc'!A1",
    "\x1b[31mred\x9b",
    "*bold* `code` [x](y)",
    "{{ 7 * 7 }} {% raw %}",
    "../../etc/passwd",
    "x" * 60,
]


@pytest.fixture(scope="module")
def hostile():
    rows = [
        row(model, 3.0 + at, target, note=target, file=f"{target}.csv")
        for target in HOSTILE
        for at, model in enumerate(REFERENCES)
    ]
    return study_with(*rows)


@pytest.mark.slow
def test_hostile_boards_are_on_the_page_as_they_are_called_and_no_elements(hostile):
    class Texts(HTMLParser):
        said = ""

        def handle_data(self, data):
            self.said += data

    written = text(hostile, "html")
    page, words = Elements(written), Texts()
    assert page.tags.count("script") == 1 and "img" not in page.tags and page.handlers == []
    assert page.tags.count("figure") == sum(len(each.plots + each.folded_plots) for each in sections(hostile))
    words.feed(written)
    for target in HOSTILE:
        assert f"Measured on {target}, in float, 32 pixels" in words.said


@pytest.mark.slow
def test_hostile_boards_are_no_markup_of_markdown_latex_and_spreadsheets(hostile):
    said = text(hostile, "markdown")
    assert "<script" not in said.replace("\\<", "") and "\x1b" not in said
    tables = [list(lines) for is_row, lines in groupby(said.splitlines(), lambda line: line.startswith("|")) if is_row]
    assert len(tables) >= 2 + len(HOSTILE)
    for lines in tables:
        assert len({line.count("|") - line.count("\\|") for line in lines}) == 1, lines
    captions = [line for line in text(hostile, "latex").splitlines() if line.startswith(r"\caption{Measured on ")]
    assert len(captions) == len(HOSTILE)
    (dollars,) = [line for line in captions if "frac" in line]
    assert (
        r"\$x\textasciicircum{}2\$ \$\textbackslash{}frac\{1\}\$ 50\% \#1 \{b\} \_\textasciitilde{}\textasciicircum{}\&"
        in dollars
    )
    for name, table in csv_files(hostile).items():
        assert re.fullmatch(r"[a-z0-9-]+\.csv", name)
        assert not any(cell.startswith(("=", "@")) for line in csv.reader(table.splitlines()) for cell in line)


def test_hostile_boards_write_files_where_they_belong(hostile):
    assert all(re.fullmatch("[a-zA-Z0-9_-]+", name) for name in plots(hostile))


@pytest.mark.slow
def test_several_studies_keep_their_boards(one):
    other = dataclasses.replace(
        made_study(datasets=4, seeds=3, name="other", first_seed=5), boards=[row("starnet", 9.0)]
    )
    found = analyse([one.material, other])
    assert found.models["board-1"].dropna().to_dict() == {
        **{f"{model}": ms for model, ms in zip(REFERENCES[:4], (30.0, 20.0, 40.0, 10.0), strict=True)},
        "starnet (other)": 9.0,
    }


@pytest.mark.slow
def test_studies_of_the_same_runs_have_each_measurement_once(one):
    again = dataclasses.replace(one.material, name="again")
    assert analyse([one.material, again]).material.boards == one.material.boards


def test_a_study_has_what_was_imported_for_its_networks_in_its_own_names(tmp_path):
    """Whichever seed, dataset or study it was imported for."""
    store = Store(tmp_path / "home")
    toy, again, wide, large = (
        make_run(model="toy"),
        make_run(3, model="toy", recipe={"epochs": 1}),
        make_run(model="wide", width=2.0),
        make_run(model="toy", dataset="mnist5k", num_classes=26),
    )
    for run in (toy, again, wide, large):
        store.put(run, make_trained(run))
    file = tmp_path / "my board.csv"
    lines = [f"{run.key[:9]},b,{ms}" for run, ms in ((again, 5), (wide, 9), (large, 6))]
    file.write_text("\n".join(["run,target,milliseconds", *lines]))
    import_measurements(file, store)
    cells = [
        {"model": name, "dataset": run.dataset, "seed": run.seed, "split": "test", "accuracy": 0.5, "key": run.key}
        for name, run in (("mine", toy), ("mine", large))
    ]
    runs, _ = read_runs(cells, store.home)
    found = measured_on_boards(runs, store.home)
    assert [(each["model"], each["classes"], each["milliseconds"]) for each in found] == [
        ("mine", 10, 5.0),
        ("mine", 26, 6.0),
    ]
    assert {each["file"] for each in found} == {"my board.csv"} and not {"network", "replaced"} & set(found[0])
    assert json.loads(json.dumps(found)) == found
    assert measured_on_boards(runs, tmp_path / "elsewhere") == []
