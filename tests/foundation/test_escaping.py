"""Names and texts of others on their way out."""

import pytest

from archlab.foundation.escaping import file_name, for_markdown, visible


def test_control_characters_become_visible_and_writing_stays():
    assert visible("\x1b[31m \u202e\x9b\udcff") == r"\x1b[31m \u202e\x9b\udcff"
    assert visible("Größe 桜\tx\n") == "Größe 桜\tx\n"


def test_markdown_is_one_line_without_markup():
    assert for_markdown("a\n# b | <b> [x](y) *z*") == r"a \# b \| \<b\> \[x\](y) \*z\*"
    assert for_markdown("stanford_dogs") == "stanford_dogs"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("quick+thorough", "quick+thorough"),
        ("../../etc/x", "_.._etc_x"),
        ("/abs", "_abs"),
        ("..", "_"),
        ("a\0b", "a_b"),
    ],
)
def test_a_file_stays_in_its_folder(tmp_path, name, expected):
    assert file_name(name) == expected
    assert (tmp_path / file_name("x" * 1000)).parent == tmp_path and len(file_name("x" * 1000)) == 200
