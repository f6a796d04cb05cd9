"""A trained network, exactly as its run trained it, with all that is needed to use it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import blocks
from archlab.architecture import Architecture, Network
from archlab.architecture.own_blocks import own_blocks_alone, tell_of_code
from archlab.data import Prepared
from archlab.data.preprocessing import Preprocessing
from archlab.deploy.finding import FoundRun, find_run
from archlab.foundation import UserError, home_path, real
from archlab.runs import open_data
from archlab.runs.carried import carried_by
from archlab.runs.network import blocks_of, network_of
from archlab.training.mode import precision_of


class LoadedNetwork(Network):
    """A network as its run trained it, in evaluation mode: normalised images (N, 3, R, R) to class scores (N, classes).

    Attributes:
        class_names: Of the outputs, in order.
        preprocessing: From an image file to an input; see `archlab.data.preprocessing.Preprocessing`.
        origin: Where it comes from: key, model, dataset, dataset_digest, seed, width, resolution, recipe, metrics, archlab
            (the version), finished, folder.
        architecture: What it is, to be used with `origin["width"]` and `origin["resolution"]`.
    """

    def __init__(self, network: Network, architecture: Architecture, found: FoundRun, carried: dict[str, Any]):
        super().__init__(list(network.layers), network.head)
        self.architecture = architecture
        self.class_names: list[str] = list(carried["class_names"])
        self.preprocessing = Preprocessing.from_document(carried["preprocessing"])
        self.origin = _origin(found)
        self.home, self.run = found.home, found.run

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> Tensor:
        """uint8 (N, R, R, 3), as `preprocessing.read` gives each, to float32 (N, classes)."""
        place = next(self.parameters()).device
        with precision_of(place, self.run.recipe.get("precision", "mixed")):
            return self(self.preprocessing.normalized(images.to(place))).float().softmax(1)

    def test_data(self) -> Prepared | None:
        """The prepared dataset of the run; None where it is not here, or no longer as it was."""
        if self.home is None:
            return None
        try:
            found = open_data(self.run, self.home)
        except (UserError, OSError):  # a store that must not be written cannot prepare samples either
            return None
        return found if isinstance(found, Prepared) and found.digest == self.origin["dataset_digest"] else None


def load(
    source: str | Path | Mapping[str, Any] | None, *, dataset: str | None = None, store: str | Path | None = None
) -> LoadedNetwork:
    """The network of a finished run, exactly as it was trained, with class names, preprocessing and origin.

    Own blocks that the run carries are Python code, and are run: load what you trust. Of what is outside of the store a warning
    says so.

    Args:
        source: The first digits of a run's key; the path of a run's folder, wherever it lies, of the folder of a pick, or of a
            search's winner.yaml; or `best`, of what `archlab.search` or `archlab.ablate` gives.
        dataset: Which of the datasets that a winner was trained on; None: the first, which is said where there are several.
        store: The folder of runs and data; None: ARCHLAB_HOME, else `./.archlab`.

    Raises:
        UserError: There is no such run, it is damaged, or it lacks what is needed; the message says what.
    """
    found = find_run(source, dataset=dataset, store=store)
    if found.carried is None:
        return _assembled(found, _from_data(found))
    _check_carried(found.carried, found.folder)
    own = found.carried["own_blocks"]
    if own and not isinstance(source, Mapping) and not real(found.folder).is_relative_to(real(home_path(store))):
        tell_of_code(found.folder, own)
    with own_blocks_alone(own):
        return _assembled(found, found.carried)


def _check_carried(carried: dict[str, Any], folder: Path) -> None:
    """Raises UserError for what `carried_by` does not make."""
    try:
        Preprocessing.from_document(carried["preprocessing"])
        if not all(isinstance(text, str) for text in (*carried["own_blocks"].values(), *carried["class_names"])):
            raise TypeError("texts are expected")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"model.json is not as this archlab writes it ({type(error).__name__}: {error})", where=str(folder)
        ) from None


def _from_data(found: FoundRun) -> dict[str, Any]:
    """What a run would carry that was stored before runs did, where its data are here. Raises UserError."""
    run, at = found.run, str(found.folder)
    unknown = [block for block in blocks_of(run.architecture) if block not in blocks.BLOCKS]
    if unknown:
        raise UserError(
            f"run {found.name} was stored before runs carried their own blocks: import the file of {unknown[0]!r} first",
            where=at,
        )
    try:
        if found.home is None:
            raise UserError("it lies in no store")
        prepared = open_data(run, found.home)
        if not isinstance(prepared, Prepared) or prepared.digest != run.dataset_digest:
            raise UserError(f"{run.dataset} has changed since")
    except UserError as error:
        raise UserError(
            f"run {found.name} was stored before runs carried class names and preprocessing, and {run.dataset} cannot say "
            f"them: {error.message}",
            where=at,
        ) from None
    return carried_by(run, prepared, ())


def _assembled(found: FoundRun, carried: dict[str, Any]) -> LoadedNetwork:
    network, architecture = network_of(found.run, found.folder, found.document["archlab"])
    return LoadedNetwork(network, architecture, found, carried).eval()


def _origin(found: FoundRun) -> dict[str, Any]:
    run, document = found.run, found.document
    names = ("model", "dataset", "dataset_digest", "seed", "width", "resolution", "recipe")
    return {
        "key": run.key,
        **{name: getattr(run, name) for name in names},
        **{name: document[name] for name in ("metrics", "archlab", "finished")},
        "folder": str(found.folder),
    }
