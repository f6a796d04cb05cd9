"""A program: runs a .tflite in TFLM, in the least arena in which it runs. Called as `MODEL.tflite IMAGES.npy OUTPUTS.npy`.

Prints the bytes of that arena, and on standard error how TFLM uses them. Imports nothing of archlab: an interpreter that
starts for this alone starts at once.
"""

import os
import sys
from pathlib import Path

import numpy as np
from tflite_micro import runtime

LARGEST = 2**26  # bytes of an arena
STEP = 16  # bytes, to which everything in an arena is aligned


def least_arena(content: bytes) -> int:
    """Raises RuntimeError, after TFLM has told the cause on standard error, where LARGEST does not do."""
    runtime.Interpreter.from_bytes(content, arena_size=LARGEST)
    low, high = 0, LARGEST // STEP  # fails, does
    while high - low > 1:
        middle = (low + high) // 2
        if does(content, middle * STEP):
            high = middle
        else:
            low = middle
    return high * STEP


def does(content: bytes, arena: int) -> bool:
    """Tried in a copy of this process: where an arena does not do, TFLM says so or crashes."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        runtime.Interpreter.from_bytes(content, arena_size=arena)
        code = 0
    finally:
        os._exit(code)


def outputs(content: bytes, images: np.ndarray, arena: int) -> np.ndarray:
    """Of each image, computed one by one."""
    interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena)
    found = []
    for image in images:
        interpreter.set_input(image[None], 0)
        interpreter.invoke()
        found.append(interpreter.get_output(0).copy())
    interpreter.print_allocations()
    return np.concatenate(found)


if __name__ == "__main__":
    model, given, wanted = map(Path, sys.argv[1:])
    network = model.read_bytes()
    least = least_arena(network)
    np.save(wanted, outputs(network, np.load(given, allow_pickle=False), least))
    print(least)
