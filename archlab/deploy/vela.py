"""What Vela, Arm's compiler for Ethos-U accelerators, says that a network needs."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from archlab.deploy.alone import last_words, python_alone
from archlab.deploy.estimate import Estimate
from archlab.deploy.tflite_file import Operator, check_weights, read_tflite, told
from archlab.foundation import UserError

ON_NPU = "ethos-u"
"""What the compiled file calls all that the accelerator computes."""


@dataclass(frozen=True)
class Npu:
    """An accelerator, and Vela's names of the system around it and of how its memory is shared."""

    name: str
    system: str
    memory: str


NPUS = {
    "ethos-u55-128": Npu("Ethos-U55 128 MAC/cycle", "Ethos_U55_High_End_Embedded", "Shared_Sram"),
    "ethos-u85-256": Npu("Ethos-U85 256 MAC/cycle", "Ethos_U85_SYS_DRAM_Mid", "Shared_Sram"),
}


def vela_words(target: str) -> str:
    """Who estimates, and what for."""
    npu = NPUS[target]
    system, memory = npu.system.split("_", 2)[2].replace("_", " "), npu.memory.replace("_", " ").replace("Sram", "SRAM")
    return f"Vela {version('ethos-u-vela')} estimate for {npu.name}, {system}, {memory}; not measured"


def vela_estimate(content: bytes, target: str) -> Estimate:
    """Of an int8 .tflite on one of NPUS: as fast as Vela makes it, and the least memory that it makes it run in.

    Raises UserError where Vela crashes or refuses the file, or where nothing of it runs on the accelerator.
    """
    check_weights(read_tflite(content))
    row, operators = _compiled(content, target, "Performance")
    on_cpu = [each for each in operators if each.kind != ON_NPU]
    if len(on_cpu) == len(operators):
        raise UserError(f"none of its operators runs on the accelerator: {', '.join(told(on_cpu))}")
    small, _ = _compiled(content, target, "Size")
    return Estimate(
        target=target,
        estimated_by=vela_words(target),
        cycles=round(float(row["cycles_total"])),
        inferences_per_second=float(row["inferences_per_second"]),
        ms=1000 * float(row["inference_time"]),
        sram=_bytes(row, "sram"),
        least_sram=_bytes(small, "sram"),
        least_sram_ms=1000 * float(small["inference_time"]),
        flash=_bytes(row, "off_chip_flash", "on_chip_flash", "dram"),
        on_cpu=told(on_cpu),
    )


def _compiled(content: bytes, target: str, optimise: str) -> tuple[dict[str, str], tuple[Operator, ...]]:
    """Vela's summary, and the operators of the file that it makes. Raises UserError where it makes none."""
    npu = NPUS[target]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "network.tflite"
        file.write_bytes(content)
        options = ["--accelerator-config", target, "--system-config", npu.system, "--memory-mode", npu.memory]
        options += ["--optimise", optimise, "--output-dir", folder]
        done = python_alone("Vela", "-m", "ethosu.vela", str(file), *options)
        summary, compiled = Path(folder) / f"network_summary_{npu.system}.csv", Path(folder) / "network_vela.tflite"
        if done.returncode or not (summary.exists() and compiled.exists()):
            raise UserError(f"Vela refuses it: {last_words(done.stderr)}")
        (row,) = csv.DictReader(summary.read_text().splitlines())
        return row, read_tflite(compiled.read_bytes()).operators


def _bytes(row: dict[str, str], *memories: str) -> int:
    """Used of some kinds of memory, which Vela tells in KiB."""
    return round(1024 * sum(float(row[f"{memory}_memory_used"]) for memory in memories))
