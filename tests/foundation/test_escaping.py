"""Names and texts of others on their way out."""

import pytest

from archlab.foundation.escaping import file_name, for_markdown, in_one_line, visible, without_passwords


def test_control_characters_become_visible_and_writing_stays():
    assert visible("\x1b[31m \u202e\x9b\udcff") == r"\x1b[31m \u202e\x9b\udcff"
    assert visible("\ufffe\uffff") == r"\ufffe\uffff", "which XML has not"
    assert visible("Größe 桜\tx\n") == "Größe 桜\tx\n"


def test_markdown_is_one_line_without_markup():
    assert for_markdown("a\n# b | <b> [x](y) *z*") == r"a \# b \| \<b\> \[x\](y) \*z\*"
    assert for_markdown("stanford_dogs") == "stanford_dogs"
    assert for_markdown("_under_ a__b ~~x~~ R&D &lt;b> &#39; &copy") == (
        r"\_under\_ a\_\_b \~\~x\~\~ R&D \&lt;b\> \&\#39; &copy"
    )


def test_in_one_line_nothing_breaks():
    assert in_one_line("a\n b\t\x1b") == r"a b \x1b"


def test_urls_lose_their_passwords_and_nothing_else():
    assert without_passwords("at postgresql://me:a:b@c/d@host:1/n now") == "at postgresql://me:***@host:1/n now"
    for text in ("https://host:80/a", "postgresql://me@host/name", "a: b@c", "sqlite:///runs.db"):
        assert without_passwords(text) == text


@pytest.mark.parametrize(
    ("name", "beginning"),
    [("../../etc/x", "_.._etc_x-"), ("/abs", "_abs-"), ("..", "-"), ("a\0b", "a_b-"), ("桜" * 200, "_-")],
)
def test_a_file_stays_in_its_folder_and_no_two_names_share_one(tmp_path, name, beginning):
    found = file_name(name)
    assert found.startswith(beginning) and len(found) == len(beginning) + 8 and (tmp_path / found).parent == tmp_path
    long, other = file_name("x" * 1000), file_name("x" * 1001)
    assert long != other and len(long) < 255 and file_name("a/b") != file_name("a_b")
    assert file_name("quick+seeds=3") == "quick+seeds=3"
