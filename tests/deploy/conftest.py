import sys

import pytest

from archlab.cli.main import main
from tests.deploy.made import make_place


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A store with runs, which tests read and do not change."""
    return make_place(tmp_path_factory.mktemp("deploy"))


@pytest.fixture
def archlab(monkeypatch, capsys, tmp_path):
    """Runs the command line in an empty folder; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["archlab", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run
