"""What every room stands on: errors for users, YAML documents that know their lines, safe files."""

from archlab.foundation.documents import Mapping, Sequence, check_keys, read_yaml, read_yaml_text, with_lines_of
from archlab.foundation.errors import UserError, nearest, where
from archlab.foundation.files import (
    check_file,
    clear,
    files_read,
    home,
    home_path,
    home_to_read,
    is_file,
    note_read,
    read_file,
    real,
    replace_folder,
    with_store,
    write_atomically,
    write_file,
)

__all__ = [
    "Mapping",
    "Sequence",
    "UserError",
    "check_file",
    "check_keys",
    "clear",
    "files_read",
    "home",
    "home_path",
    "home_to_read",
    "is_file",
    "nearest",
    "note_read",
    "read_file",
    "read_yaml",
    "read_yaml_text",
    "real",
    "replace_folder",
    "where",
    "with_lines_of",
    "with_store",
    "write_atomically",
    "write_file",
]
