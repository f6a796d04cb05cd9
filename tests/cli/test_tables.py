"""Tables on a terminal: names wrap and columns go on below, before a number breaks."""

import re

import pytest
from rich.cells import cell_len

from archlab.cli.columns import aligned
from archlab.cli.tables import print_table
from archlab.cli.tuning import print_tuning

NAMES = ["shufflenetv2+attention=se_late+activation=hard_swish+kernel=5", "x" * 120, "漢字" * 40, "short"]
NUMBERS = ["0.912", "+0.999", "-0.123", "1,234,567,890", "98.7%", "1e-05"]
DATASETS = ["stanford_dogs", "cifar100", "a_very_long_dataset_name_indeed", "d" * 60, "e", "f", "g"]
COLUMNS = ["model", "role", "params", "macs", *DATASETS, "mean", "variance", "xScore", "low", "high", "verdict"]
ROWS = [
    [
        name,
        "variant",
        2_431_234,
        1_234_567_890,
        *["0.912"] * 7,
        "98.7%",
        None,
        "-0.123",
        "+0.999",
        "1e-05",
        "between 0.912 and 0.912",
    ]
    for name in NAMES
]


@pytest.fixture
def terminal(monkeypatch, capsys):
    """terminal(width, columns, rows) prints a table on a terminal, and gives its lines."""

    def printed(width, columns, rows):
        for name, value in {"COLUMNS": str(width), "TTY_COMPATIBLE": "1", "NO_COLOR": "1", "TERM": "xterm"}.items():
            monkeypatch.setenv(name, value)
        print_table(columns, rows)
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    return printed


def tokens(lines):
    return [token for line in lines for token in line.split()]


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_number_breaks_and_no_line_is_wider(terminal, width):
    lines = terminal(width, COLUMNS, ROWS)
    assert max(map(cell_len, lines)) <= width
    found = tokens(lines)
    counted = {
        number: found.count(number) for number in ("0.912", "1,234,567,890", "2,431,234", "98.7%", "-0.123", "+0.999")
    }
    rows = len(ROWS)
    assert counted == {
        "0.912": 9 * rows,
        "1,234,567,890": rows,
        "2,431,234": rows,
        "98.7%": rows,
        "-0.123": rows,
        "+0.999": rows,
    }


def test_every_block_has_the_names_and_all_of_them(terminal):
    lines = terminal(80, COLUMNS, ROWS)
    blocks = "\n".join(lines).split("\n\n")
    assert len(blocks) >= 3
    for block in blocks:
        first = "".join(line.split("  ")[0].strip() for line in block.splitlines())
        assert all(name in first for name in NAMES), block


def test_the_choices_of_tuning_keep_their_values_beside_long_names(monkeypatch, capsys):
    for name, value in {"COLUMNS": "80", "TTY_COMPATIBLE": "1", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    values = {"chosen": {"lr": 0.016}, "chosen_value": 0.912, "own_value": 0.873, "at_edge": {"lr": "largest"}}
    choices = [{"model": name, "dataset": "stanford_dogs", **values} for name in NAMES]
    print_tuning({"keys": ["lr"], "rungs": [{"tries": 3, "steps": 1}], "choices": choices}, "balanced accuracy")
    heading, *lines = capsys.readouterr().out.strip().splitlines()
    assert heading == "Chosen by validation images, of 3 of 1 step for each model and dataset:"
    assert max(map(cell_len, lines)) <= 80
    for value in ("0.016", "0.912", "0.873", "stanford_dogs", "(largest)"):
        assert tokens(lines).count(value) == len(NAMES), value


def test_what_fits_is_as_it_was(terminal):
    lines = terminal(80, ["model", "params"], [["mobilenetv2", 1234567], ["net", None]])
    assert [line.rstrip() for line in lines] == ["model           params", "mobilenetv2  1,234,567", "net"]


def test_a_file_has_no_edge(capsys):
    print_table(COLUMNS, ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(ROWS) and all(name in line for name, line in zip(NAMES, lines[1:], strict=True))


@pytest.mark.parametrize("width", [80, 10_000])
def test_plain_lines_do_likewise(width):
    cells = [[str(value) for value in row] for row in ROWS]
    lines = list(aligned(COLUMNS, cells, width))
    assert max(map(cell_len, lines)) <= width and tokens(lines).count("0.912") == 9 * len(ROWS)
    assert (len(lines) == 1 + len(ROWS)) == (width > 80)


def test_runs_are_listed_so_on_a_terminal(monkeypatch):
    from archlab.cli.runs import _aligned

    row = {"key": "0123456789abcdef", "model": NAMES[0], "architecture": "a" * 64, "dataset": DATASETS[2], "seed": 0}
    row |= {
        "is_try": False,
        "resolution": 224,
        "epochs": 300,
        "validation_accuracy": 0.9123,
        "test_accuracy": 0.8765,
        "seconds": 12345.6,
    }
    table = {name: [value] * 3 for name, value in (row | {"finished": "2026-01-01T10:20:30"}).items()}
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    lines = _aligned(table)
    assert max(map(len, lines)) <= 80 and lines[-1] == "3 runs"
    assert all(tokens(lines).count(number) == 3 for number in ("0.9123", "0.8765", "12345.6", "224", "300"))
