"""ExecuTorch programs, run by ExecuTorch's runtime with XNNPACK."""

from __future__ import annotations

from typing import Any

from archlab.deploy.quiet import silent
from archlab.foundation import UserError


def method_of(content: bytes, *, threads: int | None = None) -> Any:
    """A program's `forward`, ready: `method.execute([images])` is a list of the probabilities, both tensors.

    Args:
        threads: Of all programs of this process from here on. Those that are loaded already must not be run again where that
            changes their number. None leaves it alone.
    """
    with silent():
        from executorch.extension.pybindings.portable_lib import _threadpool_get_thread_count, _unsafe_reset_threadpool
        from executorch.runtime import Runtime

        if threads not in (None, _threadpool_get_thread_count()):
            _unsafe_reset_threadpool(threads)
        program = Runtime.get().load_program(content)
        method: Any = program.load_method("forward")
        method.program = program  # a method reads its program's bytes, and does not keep them
        return method


def check_operators(program: Any) -> None:
    """Raises UserError where a program needs what the runtime does not have; the exporter does not ask.

    Args:
        program: `executorch_program` of what `to_executorch` gives.
    """
    with silent():
        from executorch.runtime import Runtime

        known = Runtime.get().operator_registry.operator_names
    needed = {
        f"{each.name}.{each.overload}" if each.overload else each.name
        for plan in program.execution_plan
        for each in plan.operators
    }
    if unknown := sorted(needed - known):
        raise UserError(f"the network cannot be exported to ExecuTorch: its runtime has no {', '.join(unknown)}")
