"""Four seeds of a model as one network against one by one: training steps on batches that lie ready."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from archlab.bench.laps import Contender, Contest, Lap
from archlab.bench.measured import Bench
from archlab.runs.replicas import LEAST

REPLICAS, RESOLUTION, CLASSES, STEPS = 4, 32, 10, 3


def bench_fused(home: Path, *, repeats: int, progress: Callable[[str], None]) -> Bench:
    """The quick recipe on each reference fitted to 2.5 M parameters; CPU time, wall time where a GPU computes."""
    from archlab.architecture import references
    from archlab.foundation.machine import gpu_names

    settings = {"recipe": "quick", "replicas": REPLICAS, "resolution": RESOLUTION, "steps_a_portion": STEPS}
    bench = Bench("fused", settings)
    for name in references():
        progress(name)
        contender = Contender("archlab.bench.fused:fused_and_one_by_one", {"name": name})
        with Contest({name: [contender]}) as contest:
            # odd portions are the fused network's, even ones the others'
            rounds = [{"fused": contest.round()[name], "one by one": contest.round()[name]} for _ in range(repeats)]
        bench.add(rounds, "wall" if gpu_names() else "cpu", "fused", f"{name}: ")
    bench.ratios = {name.removesuffix(": one by one"): spread for name, spread in bench.ratios.items()}
    chosen = [name for name, spread in bench.ratios.items() if spread.min >= LEAST]
    bench.settings["the planner would fuse"] = ", ".join(chosen) or "none"
    return bench


def fused_and_one_by_one(lap: Lap, *, name: str) -> None:
    """A contender that alternates between steps of the fused network and as many of each network by itself."""
    import torch

    from archlab.architecture import architecture, build_model
    from archlab.budget import fit_width
    from archlab.training import load_recipe
    from archlab.training.fused_speed import both_steps

    design, recipe = architecture(name), load_recipe("quick")
    width = fit_width(design, num_classes=CLASSES)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    one_by_one, together = both_steps(
        lambda pixels: build_model(design, CLASSES, width=width, resolution=pixels),
        recipe,
        REPLICAS,
        classes=CLASSES,
        resolution=RESOLUTION,
        device=device,
    )
    one_by_one()
    together()
    lap(REPLICAS * recipe.batch_size)  # both are warm
    while True:
        for step in (together, one_by_one):
            for _ in range(STEPS):
                step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            lap(REPLICAS * STEPS * recipe.batch_size)
