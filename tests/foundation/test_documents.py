"""YAML 1.2 core schema, safely, with lines."""

from __future__ import annotations

import json
import math
import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from archlab.foundation import UserError, check_keys, read_yaml, read_yaml_text, where


def read(text: str):
    return read_yaml_text(text, "study.yaml")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[(word, word) for word in ("on", "off", "yes", "no", "y", "n", "On", "NO", "tRUE", "nULL")],
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[(word, None) for word in ("null", "Null", "NULL", "~", "")],
        *[("0", 0), ("-0", 0), ("+12", 12), ("0123", 123), ("0o17", 15), ("0xfF", 255)],
        *[("1_000", "1_000"), ("0b11", "0b11"), ("0o8", "0o8"), ("0x", "0x"), ("1:30", "1:30"), ("+", "+")],
        *[("1e-3", 0.001), ("1E5", 1e5), ("+.5", 0.5), ("5.", 5.0), ("-0.25e+2", -25.0), ("12e03", 12000.0)],
        *[("e3", "e3"), (".", "."), ("1.2.3", "1.2.3"), ("NaN", "NaN"), ("inf", "inf"), ("=", "="), ("<<", "<<")],
        *[("2020-01-01", "2020-01-01"), ("١٢", "١٢"), ("'1e-3'", "1e-3"), ('"true"', "true"), ("!!str 3", "3")],
        *[("&x !!str 3", "3"), ("|\n  1\n", "1\n"), (">-\n  a\n  b", "a b"), ("!!map {}", {}), ("!!seq []", [])],
    ],
)
def test_scalars(written, value):
    found = read(f"key: {written}")["key"]
    assert found == value
    assert type(found) is type(value) or isinstance(value, (dict, list))


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30))
def test_python_numbers_come_back(number):
    found = read(f"key: {number!r}")["key"]
    assert found == number
    assert type(found) is type(number)


TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=50)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, PLAIN, max_size=5))
def test_json_documents_come_back(document):
    """JSON is YAML, but for escapes in pairs and for keys of more than 1024 characters."""
    assert read(json.dumps(document)) == document


@given(st.text(string.ascii_letters + string.digits + "+-.eExXo_~", min_size=1, max_size=8))
def test_plain_scalars_against_the_tables_of_the_specification(text):
    try:
        assert plain_scalar_by_specification(text) == read(f"key: {text}")["key"]
    except UserError as error:
        assert "not a finite number" in str(error) or "not valid YAML" in str(error)
        with pytest.raises((ValueError, yaml.YAMLError)):
            yaml.compose(f"key: {text}")
            plain_scalar_by_specification(text)


def plain_scalar_by_specification(text: str):
    """YAML 1.2.2, section 10.3.2, written as Python's own conversions."""
    if text in ("null", "Null", "NULL", "~"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if text[:2] in ("0o", "0x") and "_" not in text and text[2:].isalnum():
        try:
            return int(text[2:], 8 if text[1] == "o" else 16)
        except ValueError:
            return text
    if text.lstrip("+-")[:1] == "." and text.lstrip("+-").lower() in (".inf", ".nan"):
        raise ValueError
    if text[-1:].isalpha() or "_" in text:  # Python knows words and underscores that YAML does not
        return text
    for convert in (int, float):
        try:
            value = convert(text)
        except ValueError:
            continue
        if not math.isfinite(value):
            raise ValueError
        return value
    return text


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "is empty"),
        ("# a remark\n\n", None, "is empty"),
        ("- 1", 1, "expected `key: value` lines"),
        ("word", 1, "expected `key: value` lines"),
        ("a: 1\nb: 2\na: 3", 3, "key 'a' appears twice (first on line 1)"),
        ("a: {b: 1,\n  b: 2}", 2, "key 'b' appears twice"),
        ("a: 1\n\tb: 2", 2, "YAML indents with spaces, not tabs"),
        ("a:\n\t- 1", 2, "YAML indents with spaces, not tabs"),
        ("a: [1, 2", 1, "not valid YAML"),
        ("a: 'x", 1, "not valid YAML"),
        ("a: *nobody", 1, "undefined alias 'nobody'"),
        ("a: 1\n---\nb: 2", 2, "a single document"),
        ("a: 1\nb: \x01", 2, "character U+0001 cannot stand in YAML"),
        ("a: .nan", 1, ".nan is not a finite number"),
        ("a: -.inf", 1, "-.inf is not a finite number"),
        ("a: 1e999", 1, "1e999 is not a finite number"),
        ("a: " + "9" * 5000, 1, "is not a finite number"),
        ("a: 0x" + "f" * 5000, 1, "is not a finite number"),  # Python writes no such number in decimals
        ("a: 0x" + "f" * 300, 1, "is not a finite number"),  # nor makes a float of this one
        ("? 0o" + "7" * 9000 + "\n: a", 1, "is not a finite number"),
        ("a: !!python/object:os.system 'ls'", 1, "tag '!!python/object:os.system' is not allowed"),
        ("a: !!python/object/apply:os.system ['ls']", 1, "is not allowed"),
        ("a: !!python/name:os.system", 1, "is not allowed"),
        ("a: !own {b: 1}", 1, "tag '!own' is not allowed"),
        ("a: !!set {b}", 1, "tag '!!set' is not allowed"),
        ("a: !!binary aGk=", 1, "tag '!!binary' is not allowed"),
        ("[1]: 2", 1, "a key must be a plain word or number"),
        ("a: &x [*x]", 1, "inside its own anchor"),
        ("a: &x {b: {c: *x}}", 1, "inside its own anchor"),
        (bomb(), None, "more than 100,000 values"),
        ("a: " + "[" * 101 + "]" * 101, 1, "nested deeper than 100"),
        ("a: " + "[" * 5000, None, "nested deeper than 100"),
    ],
)
def test_errors_are_one_line_with_the_place(text, line, message):
    with pytest.raises(UserError) as caught:
        read(text)
    assert str(caught.value).startswith(f"study.yaml:{line}: " if line else "study.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60) | st.text("[]{}:,-&*!|>'\"\n\t ax1", max_size=60))
def test_any_text_is_a_mapping_or_an_error_for_the_user(text):
    try:
        assert isinstance(read(text), dict)
    except UserError as error:
        assert "\n" not in str(error)


def test_an_alias_is_the_value_again():
    assert read("a: &x {b: 1}\nc: *x\nd: [*x, *x]") == {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}] * 2}


def test_lines_of_keys_and_items():
    document = read("name: x\nlayers:\n  - conv:\n      out: 8\n  - pool\n")
    assert [document.where("name"), document.where("layers"), document.where()] == [
        "study.yaml:1",
        "study.yaml:2",
        "study.yaml:1",
    ]
    assert [where(document["layers"], index) for index in (0, 1)] == ["study.yaml:3", "study.yaml:5"]
    assert where(document["layers"][0]["conv"], "out") == "study.yaml:4"
    assert where({"plain": 1}, "plain") is None


def test_an_unknown_key_is_named_with_its_line_and_the_nearest():
    with pytest.raises(UserError, match=r"^study\.yaml:2: a study has no key 'chioces' - did you mean 'choices'\?$"):
        check_keys(read("name: x\nchioces: 1"), ("name", "choices"), "a study")


def test_files(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes("name: Straße\n".encode())
    assert read_yaml(path) == {"name": "Straße"}
    assert read_yaml(path).where("name") == f"{path}:1"
    path.write_bytes(b"\xef\xbb\xbfname: x\r\nb: 2\r\n")  # as some editors write
    assert read_yaml(path) == {"name": "x", "b": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: x\nb: \xff\n", "study.yaml:2: is not UTF-8 text"),
        ("name: x".encode("utf-16"), "study.yaml:1: is not UTF-8 text"),
        (b"#" * (2**20 + 1), "study.yaml: larger than 1 MiB"),
    ],
)
def test_files_that_cannot_be_taken(tmp_path, content, message):
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_yaml(path)


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(UserError, match=r"absent\.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "absent.yaml")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)
