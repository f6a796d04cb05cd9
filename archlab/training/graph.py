"""A training step as one CUDA graph: a single launch where there were hundreds, which small networks mostly wait for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

WARM_UP = 3  # steps before the capture: libraries choose their kernels, the optimiser makes its state


class GraphedStep:
    """A step on a CUDA device that runs as it is WARM_UP times, is captured then, and is replayed from there on.

    `step` is given images and labels. A batch smaller than `batch_size` runs as it is; where images of another size come, that
    begins anew, and the graph of the size before is gone. All else that the step reads or writes are tensors that stay where
    they are. A step that waits for the device cannot be captured: it runs as it is for good, and `graph` stays None.
    https://docs.pytorch.org/docs/stable/notes/cuda.html#whole-network-capture
    """

    def __init__(self, step: Callable[[Tensor, Tensor], None], device: torch.device, batch_size: int = 0):
        self.step, self.device, self.batch_size = step, device, batch_size
        self.stream = torch.cuda.Stream(device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.warmed_up, self.waits = 0, False
        self.side = 0  # of the images that it is for

    def __call__(self, images: Tensor, labels: Tensor) -> None:
        if images.shape[-1] != self.side:
            self.side, self.graph, self.warmed_up = images.shape[-1], None, 0
        if self.graph is None and self.warmed_up < WARM_UP:
            self._warm_up(images, labels)
        elif self.waits or len(images) < self.batch_size:
            self.step(images, labels)
        else:
            if self.graph is None:
                self._capture(images, labels)
            self.images.copy_(images)
            self.labels.copy_(labels)
            self.graph.replay()  # type: ignore[union-attr]  # captured just now

    def _warm_up(self, images: Tensor, labels: Tensor) -> None:
        """A step as it is, on the stream of the capture."""
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.stream), _synchronisations() as found:
            self.step(images, labels)
        torch.cuda.current_stream(self.device).wait_stream(self.stream)
        self.warmed_up += 1
        self.waits = bool(found)  # of the last one: the first may wait to choose kernels

    def _capture(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = torch.empty_like(images), torch.empty_like(labels)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                self.step(self.images, self.labels)
        except RuntimeError as error:
            first = (
                error.__context__ if isinstance(error.__context__, RuntimeError) else error
            )  # the end of a broken capture fails too
            reason = str(first).partition("\n")[0]
            raise RuntimeError(f"the step cannot be captured, though `--deterministic` may run it: {reason}") from error
        self.graph = graph


@contextmanager
def _synchronisations() -> Iterator[list[str]]:
    """Collects torch's warnings of operations that wait for the device; complete when the context ends."""
    found: list[str] = []
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode(before)
    found += [words for warning in caught if "called a synchronizing" in (words := str(warning.message))]
