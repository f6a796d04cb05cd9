"""Files of own code that would stop, fill or end the process that imports them."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from processes import parents

from archlab.architecture.own_blocks import own_blocks_alone
from archlab.foundation import UserError, trial
from archlab.foundation.own_code import load_file, own_code


@pytest.fixture
def load(tmp_path, own_code_forgotten):
    """Imports a file with this text, another each time."""

    def load(text):
        path = tmp_path / f"mine{len(list(tmp_path.iterdir()))}.py"
        path.write_text(f"{text}\n# {path}\n")
        return load_file(path, at="study.yaml:3")

    return load


FAULTS = {
    "an endless loop": ("while True: pass", "has not ended after 1 s of computing"),
    "one that catches everything": (
        "while True:\n try:\n  while True: pass\n except BaseException: pass",
        "has not ended after 1 s of computing",
    ),
    "one within C": ("sum(range(10**14))", "has not ended after 1 s of computing"),
    "one that holds the interpreter": ("10**10**8", "has not ended after 1 s of computing"),
    "a recursion without end": (
        "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n def __repr__(self): return repr(self)\nrepr(A())",
        "ends the process that it runs in, by signal 11|fails on import: RecursionError|needs more than",
    ),
    "waiting": ("import time\ntime.sleep(10**6)", "has not ended after 2 s"),
    "a pipe": ("import os\nos.mkfifo(__file__ + '.pipe')\nopen(__file__ + '.pipe')", "has not ended after 2 s"),
    "a lock": ("import threading\nl = threading.Lock()\nl.acquire()\nl.acquire()", "has not ended after 2 s"),
    "a thread": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(10**6,)).start()",
        "leaves a thread running",
    ),
    "100 GB": ("x = bytearray(10**11)", "needs more than 8 GiB of memory"),
    "100 GB of an array": ("import numpy\nx = numpy.ones((10**5, 10**5))", "needs more than 8 GiB of memory"),
    "100 GB of a tensor": ("import torch\nx = torch.ones(10**5, 10**5)", "needs more than 8 GiB of memory"),
    "lists of lists": ("x = []\nwhile True: x.append([0] * 10**6)", "needs more than 8 GiB|1 s of computing"),
    "an exit": ("import os\nos._exit(0)", "ends the process that it runs in, with exit code 0"),
    "a kill": ("import os\nos.kill(os.getpid(), 9)", "ends the process that it runs in, by signal 9"),
    "a crash": ("import ctypes\nctypes.string_at(0)", "ends the process that it runs in, by signal 11"),
    "a Ctrl-C that nobody pressed": ("raise KeyboardInterrupt", "raises KeyboardInterrupt"),
    "a polite exit": ("import sys\nsys.exit()", "fails on import: SystemExit"),
    "an error of its own": ("class E(BaseException): pass\nraise E('x')", "fails on import: E: x"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_would_stop_or_end_the_process_is_one_line(load, monkeypatch, case):
    monkeypatch.setattr(trial, "COMPUTING", 1)
    monkeypatch.setattr(trial, "WAITING", 2 if "2 s" in FAULTS[case][1] else 60)
    text, words = FAULTS[case]
    with pytest.raises(UserError, match=words) as told:
        load(text)
    assert (
        "\n" not in str(told.value) and str(told.value).startswith("study.yaml:3: ") and "mine0.py" in str(told.value)
    )


def test_a_trial_leaves_nothing_and_says_nothing(load, capfd, monkeypatch):
    tried = []
    before = trial.fault_of
    monkeypatch.setattr("archlab.foundation.own_code.fault_of", lambda code: tried.append(1) or before(code))
    module = load("import os\nprint('imported', flush=True)\nos.write(1, b'once ')\nvalue = [1]")
    assert module.value == [1] and capfd.readouterr() == ("once ", "imported\n")
    with own_blocks_alone({"again.py": Path(str(module.__file__)).read_text()}):
        pass
    assert tried == [1]


def test_it_is_tried_in_threads_and_with_threads_of_torch(load):
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        (torch.rand(600, 600) @ torch.rand(600, 600)).sum()
        found = []
        text = "import torch\nvalue = float((torch.ones(600, 600) @ torch.ones(600, 600)).sum())"
        worker = threading.Thread(target=lambda: found.append(load(text).value))
        worker.start()
        worker.join()
    finally:
        torch.set_num_threads(threads)
    assert found == [600.0**3]


def test_who_is_killed_while_trying_leaves_nobody(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)")
    program = (
        "import pathlib, sys; from archlab.foundation.own_code import load_file; load_file(pathlib.Path(sys.argv[1]))"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(path)])
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert parent.poll() is None
        time.sleep(0.01)
    child = int((tmp_path / "pid").read_text())
    parent.kill()
    parent.wait()
    for _ in range(500):
        if child not in parents():
            return
        time.sleep(0.01)
    raise AssertionError("the trial lives on")


def test_a_wrong_name_is_told_beside_names_that_know_no_module(load):
    """As functions of NumPy and methods of built-in types are."""
    module = load("add = (1).__add__\ndef score(value): return value")
    with pytest.raises(UserError, match=r"has no function or class 'scor' - did you mean 'score'\?"):
        own_code(f"{module.__file__}:scor")


def test_the_text_is_run_and_no_bytecode_of_another(tmp_path, own_code_forgotten, monkeypatch):
    """As copies that keep their times have: of equal length, and last changed at once."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "mine.py"
    for value in (1, 2):
        path.write_text(f"value = {value}\n")
        os.utime(path, (10**9, 10**9))
        assert load_file(path).value == value


def test_what_it_prints_leaves_standard_output_to_the_command(load, capsys):
    module = load("print('imported')\ndef score(value):\n    print('called')\n    return value")
    assert own_code(f"{module.__file__}:score")(3) == 3
    assert capsys.readouterr() == ("", "imported\ncalled\n")
