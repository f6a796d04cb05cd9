"""The `archlab` command. Each subcommand lives in a module of its own, imported when it is called."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import click

from archlab.cli.groups import Group
from archlab.cli.streams import echo, leave_standard_output, mend_streams, told_warnings
from archlab.foundation import UserError, nearest
from archlab.foundation.errors import is_out_of_memory
from archlab.foundation.escaping import in_one_line, without_passwords
from archlab.foundation.libraries import quiet_libraries

COMMANDS = {
    "pick": "From a folder of images to a file to ship, within a time.",
    "build": "Assemble every model of a study, count it, hold it against the budget.",
    "ablate": "Train what is not trained yet; score references and variants.",
    "search": "Look for a better design than the references, within the budget.",
    "train": "One run: one model on one dataset.",
    "predict": "Classes of images, by a network that a run has trained.",
    "export": "A trained network as a file for the device.",
    "device": "What a trained network needs on boards that are not here; measurements of boards.",
    "score": "xScore of any table of accuracies.",
    "report": "Tables, plots and a page of finished studies.",
    "datasets": "List, prepare, add, remove, check and show datasets.",
    "models": "List and show architectures.",
    "blocks": "List and show what architectures are made of.",
    "runs": "List, show, check, clean up, restore and export finished runs.",
    "bench": "Measure this machine and archlab on it.",
}


class _LazyGroup(Group):
    """Knows the subcommands by name and help line alone; imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return getattr(importlib.import_module(f"archlab.cli.{name}"), name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="archlab")
def cli() -> None:
    """Which small vision architecture will still be good on your data, and which of its parts made it so?"""


def main() -> None:
    """Runs the command line: 0 done, 1 something failed, 2 an error that the user can mend, 3 a fault of archlab, 130
    interrupted."""
    mend_streams()
    output = sys.stdout
    quiet_libraries()
    try:
        with told_warnings():
            code = cli.main(prog_name="archlab", standalone_mode=False)
    except UserError as error:
        sys.exit(_refuse(str(error)))
    except click.exceptions.NoArgsIsHelpError as error:
        echo(error.format_message())
        sys.exit(2)
    except click.NoSuchOption as error:
        options = [option.lstrip("-") for option in error.possibilities or []]
        suggestion = nearest(error.option_name.lstrip("-"), options)
        sys.exit(
            _refuse(
                f"no such option {error.option_name}" + (f" - did you mean '--{suggestion}'?" if suggestion else "")
            )
        )
    except click.ClickException as error:
        sys.exit(_refuse(error.format_message().rstrip(".") + _where_studies_go(error)))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        leave_standard_output()
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that must not be written
        if error.filename is None and _is_nowhere():
            sys.exit(_refuse("the folder that this was started in is there no longer: `cd` to another"))
        if error.filename is None:
            leave_standard_output()
        sys.exit(_refuse(f"{error.filename}: {error.strerror or error.args[0]}" if error.filename else str(error)))
    except SystemExit as error:
        if os.environ.get("_ARCHLAB_COMPLETE"):  # a shell asks what it can complete: click answers, and ends
            sys.exit(error.code)
        if sys.stdout is not output or isinstance(error.__context__, BrokenPipeError):  # as click and rich leave then
            leave_standard_output()
            sys.exit(1)
        sys.exit(_refuse(f"code of the study's own ended archlab: sys.exit({error.code!r})"))
    except BaseException as error:
        if is_out_of_memory(error):
            sys.exit(_refuse(f"out of memory: {error}".rstrip(": ")))
        if isinstance(error, ValueError) and "embedded null" in str(error):
            sys.exit(_refuse("a name or path cannot hold a NUL byte"))
        sys.exit(_last_resort(error))
    sys.exit(code or 0)


def _where_studies_go(error: click.ClickException) -> str:
    """A hint for who gives a study without `--spec`."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    takes_one = context and any("--spec" in option.opts for option in context.command.params)
    return "; a study is given as `--spec STUDY`" if takes_one and "unexpected extra" in error.message else ""


def _is_nowhere() -> bool:
    """Whether the working directory has been removed."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _last_resort(error: BaseException) -> int:
    """Of what nobody foresaw: one line, and the rest in a file."""
    import tempfile
    import traceback

    words = without_passwords(f"a fault of archlab: {type(error).__name__}: {error}")
    lines = [f"archlab {' '.join(sys.argv[1:])}\n", *traceback.format_exception(error)]
    told = without_passwords("".join(lines))
    try:
        handle, path = tempfile.mkstemp(prefix="archlab-fault-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(told)
    except OSError:
        print(told, end="", file=sys.stderr)
        _refuse(f"{words}; please report it with what stands above")
    else:
        _refuse(f"{words}; the traceback is in {path}, please report it")
    return 3


def _refuse(message: str) -> int:
    print(f"error: {in_one_line(message)}", file=sys.stderr)
    return 2
