"""How the models of a finished study were trained, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archlab.runs import Store


def as_trained(study: dict[str, Any], home: Path) -> list[str]:
    """Each recipe that the runs of a settled study had, as it ran: `quick: 60 steps of batches of 16, adamw at 0.004, ...`.

    What is known of the runs that a recipe names is looked up in the store of `home`.
    """
    recipes = study.get("recipes", [])
    used = [list(model["recipes"].values()) for model in study["models"]] if recipes else []
    counts = {index: sum(of_model.count(index) for of_model in used) for index in range(len(recipes))}
    cells = sum(counts.values())
    share = {index: f" (in {count} of {cells} cells)" if len(recipes) > 1 else "" for index, count in counts.items()}
    return [
        f"{study['recipe']}{share[index]}: {_in_words(recipes[index], Store(home))}"
        for index, count in sorted(counts.items(), key=lambda each: -each[1])
    ]


def _in_words(recipe: dict[str, Any], store: Store) -> str:
    """What decides most of a canonical recipe."""
    settings = ("own", "order", "cutmix_labels")
    augmented = [name for name, value in (recipe.get("augment") or {}).items() if value and name not in settings]
    augmented += [_named(each) for each in (recipe.get("augment") or {}).get("own") or []]
    limits = _limits(recipe)
    said = [
        f"{' or '.join(limits)}{', whichever ends first,' if len(limits) > 1 else ''} of batches of {recipe['batch_size']}",
        f"{_optimizer(recipe)}, {recipe.get('schedule', 'cosine')}",
        f"augmented by {', '.join(augmented)}" if augmented else "not augmented",
    ]
    said += ["training and validation images together"] if recipe.get("with_validation") else []
    said += [f"weights decayed by {recipe['weight_decay']:g}"] if recipe.get("weight_decay") else []
    said += ["the weights of the best validation epoch"] if recipe.get("weights") == "best_validation" else []
    said += [f"labels smoothed by {recipe['label_smoothing']:g}"] if recipe.get("label_smoothing") else []
    said += ["every class counting alike"] if recipe.get("balance") else []
    said += [_start(recipe["init"], store)] if recipe.get("init") else []
    said += [_teaching(recipe["distill"], store)] if recipe.get("distill") else []
    said += [f"an average of weights, {recipe['ema']:g}"] if recipe.get("ema") else []
    said += [f"gradients up to {recipe['clip']:g}"] if recipe.get("clip") else []
    said += [f"images grow over the first {100 * recipe['progressive']:g} %"] if recipe.get("progressive") else []
    return ", ".join(said)


def _limits(recipe: dict[str, Any]) -> list[str]:
    return [f"{recipe[what]:,} {what}" for what in ("epochs", "steps") if recipe.get(what)]


def _optimizer(recipe: dict[str, Any]) -> str:
    momentum = f" with momentum {recipe['momentum']:g}" if recipe["optimizer"] == "sgd" else ""
    return f"{_named(recipe['optimizer'])} at {recipe['lr']:g}{momentum}"


def _named(own: str | dict[str, Any]) -> str:
    return own if isinstance(own, str) else next(iter(own)).rpartition(":")[2]


def _start(init: dict[str, Any], store: Store) -> str:
    """`pretrained on mnist5k by adamw at 0.003, 2 steps (run 1a2b3c4d5e6f of mobilenetv2)`."""
    details = []
    if pretraining := init.get("pretrain"):
        said = _pretrained(pretraining["data"][0], pretraining["recipe"])
    elif key := init.get("run"):
        if stored := store.get(key):
            said = _pretrained(stored["run"]["dataset"], stored["run"]["recipe"])
            details = [f"run {key[:12]} of {stored['run']['model']}"]
        else:
            said = f"from the weights of run {key[:12]}"
    else:
        said = f"from given weights {init['weights'][:12]}"
    body = init.get("body", 1.0)
    details += [f"its body's learning rate times {body:g}"] if body != 1 else []
    return said + (f" ({'; '.join(details)})" if details else "")


def _pretrained(dataset: str, recipe: dict[str, Any]) -> str:
    return f"pretrained on {dataset} by {_optimizer(recipe)}, {' or '.join(_limits(recipe))}"


def _teaching(distill: dict[str, Any], store: Store) -> str:
    """`taught by mobilenetv2 (run 1a2b3c4d5e6f; weight 0.5, temperature 4)`."""
    teacher, share = distill["teacher"], f"weight {distill['weight']:g}, temperature {distill['temperature']:g}"
    if isinstance(teacher, dict):
        return f"taught by {teacher['model']} ({share})"
    stored = store.get(teacher)
    if stored is None:
        return f"taught by run {teacher[:12]} ({share})"
    return f"taught by {stored['run']['model']} (run {teacher[:12]}; {share})"
