"""What commands take alike."""

from __future__ import annotations

import pytest

from archlab.cli.main import cli
from archlab.cli.options import PATH, with_store
from archlab.foundation import UserError


def test_a_home_folder_that_the_shell_has_left_is_meant(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert PATH.convert("~/net.onnx", None, None) == tmp_path / "net.onnx"
    with pytest.raises(UserError, match=r"~nobody-at-all/net\.onnx: nobody's home folder is called so"):
        PATH.convert("~nobody-at-all/net.onnx", None, None)


@pytest.mark.parametrize("name", ["ablate", "search", "pick", "export", "report"])
def test_nothing_is_written_into_a_folder_called_as_the_home_folder_is(name):
    command = cli.get_command(None, name)
    written = [option for option in command.params if option.name in ("output", "events")]
    assert written and all(option.type is PATH for option in written)


def test_a_command_to_call_next_is_on_the_same_store():
    assert with_store("archlab runs list", None) == "archlab runs list"
    assert with_store("archlab runs list", "my runs") == "archlab runs list --store 'my runs'"
