"""What a network needs in TFLM, the interpreter for microcontrollers (tflite-micro), found out by running it here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from archlab.deploy.alone import last_words, python_alone
from archlab.deploy.estimate import Estimate
from archlab.deploy.extras import missing, require
from archlab.deploy.litert_runtime import dequantised
from archlab.deploy.quiet import silent
from archlab.deploy.tflite_file import Operator, check_weights, read_tflite, told
from archlab.foundation import UserError

TFLM = "tflm"


def tflm_words() -> str:
    """Who estimates, and what for."""
    if missing("microcontroller"):
        return "TFLM"
    interpreter = f"TFLM {version('tflite-micro')}, its reference kernels"
    return f"{interpreter} run on a machine with 64-bit pointers; not measured on a device"


def tflm_arena(content: bytes, pixels: np.ndarray) -> Estimate:
    """Of an int8 .tflite, run on uint8 images (N, R, R, 3). Its flash is the file; the interpreter's own code is not counted.

    Raises UserError where TFLM has not all its operators, crashes or refuses it.
    """
    require("microcontroller", "TFLM")
    file = read_tflite(content)
    check_weights(file)
    images = _as_input(pixels, file.takes)
    with TemporaryDirectory() as folder:
        model, given, wanted = (Path(folder) / name for name in ("network.tflite", "images.npy", "outputs.npy"))
        model.write_bytes(content)
        np.save(given, images)
        program = Path(__file__).with_name("tflm_alone.py")
        done = python_alone("TFLM", str(program), *map(str, (model, given, wanted)))
        if done.returncode:
            raise UserError(_cause(done.stderr, file.operators))
        found = np.load(wanted, allow_pickle=False)
    same, difference = (None, None) if missing("litert") else _beside_litert(found, content, images)
    return Estimate(
        target=TFLM,
        estimated_by=tflm_words(),
        flash=len(content),
        arena=int(done.stdout),
        arena_maps=_maps(done.stderr),
        images=len(images),
        same_as_litert=same,
        largest_difference=difference,
    )


def _as_input(pixels: np.ndarray, takes: str) -> np.ndarray:
    """Grey levels in the type that a file takes; int8 counts them from -128."""
    return (pixels ^ 0x80).view(np.int8) if takes == "int8" else pixels.astype(takes)


def _cause(said: str, operators: Sequence[Operator]) -> str:
    """Why TFLM stopped: an operator that it has not, or does not take so."""
    if absent := re.search(r"Didn't find op for builtin opcode '(\w+)'", said):
        (named,) = told(each for each in operators if each.kind == absent[1]) or (absent[1],)
        return f"{named} is not in TFLM"
    if refused := re.search(r"Node \w+ \(number (\d+)\) failed", said):
        (named,) = told([operators[int(refused[1])]])
        first = re.sub(r"^\S+\.(cc|h):\d+ ", "", said.strip().partition("\n")[0])
        return f"TFLM refuses {named}: {first}"
    return f"TFLM refuses it: {last_words(said)}"


def _maps(said: str) -> int | None:
    """Bytes of the arena's head, where feature maps lie; the rest stays: a scale for each channel, and what TFLM notes."""
    found = re.search(r"Arena allocation head (\d+) bytes", said)
    return int(found[1]) if found else None


def _beside_litert(found: np.ndarray, content: bytes, images: np.ndarray) -> tuple[int, float]:
    """On how many images TFLM's outputs are to the bit those of LiteRT's reference kernels, and the largest difference of a
    probability."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    same, largest = 0, 0.0
    with silent():
        interpreter = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        interpreter.allocate_tensors()
        (given,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()
        for image, output in zip(images, found, strict=True):
            interpreter.set_tensor(given["index"], image[None])
            interpreter.invoke()
            own, theirs = output, interpreter.get_tensor(wanted["index"])[0]
            same += int(np.array_equal(own, theirs))
            largest = max(largest, float(np.abs(dequantised(own, wanted) - dequantised(theirs, wanted)).max()))
    return same, largest
