"""A network as it is deployed, in whatever format: raw pixels in, probabilities out, and what travels with it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from archlab.architecture import Network
from archlab.data.preprocessing import Preprocessing
from archlab.deploy.loading import LoadedNetwork
from archlab.foundation import UserError


class Deployed(nn.Module):
    """uint8 (N, R, R, 3) to probabilities (N, classes): normalisation, and the network as it is deployed."""

    mean: Tensor
    scale: Tensor

    def __init__(self, network: Network, preprocessing: Preprocessing):
        super().__init__()
        self.network, self.preprocessing = network.fuse(), preprocessing
        mean, std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
        self.register_buffer("mean", (mean * 255).view(1, 3, 1, 1))
        self.register_buffer("scale", (1 / (std * 255)).view(1, 3, 1, 1))

    def scores(self, images: Tensor) -> Tensor:
        seen = self.preprocessing.seen(images).permute(0, 3, 1, 2).to(self.mean.dtype)
        return self.network((seen - self.mean) * self.scale)

    def forward(self, images: Tensor) -> Tensor:
        return self.scores(images).softmax(1)


def deployed(network: LoadedNetwork) -> Deployed:
    """Raises UserError where the network sees images in a way that no file knows."""
    if network.preprocessing.fit == "whole":
        raise UserError("its recipe sees images in their own shape, which is not exported yet")
    return Deployed(network, network.preprocessing).eval()


def metadata(network: LoadedNetwork, inside: Sequence[str]) -> dict[str, str]:
    """What travels inside a file: `classes`, a JSON list; `preprocessing` and `origin`, JSON objects.

    Args:
        inside: What of the preprocessing the file does itself: `resize`, `normalise`.
    """
    told = {
        "classes": network.class_names,
        "preprocessing": {
            **network.preprocessing.document(),
            "inside": list(inside),
            "before": "decode to RGB of 8 bits, turned as EXIF says, transparency on white; preparation decodes JPEGs of at "
            "least about four times the resolution at reduced size, from which a full decode can differ slightly",
        },
        "origin": {name: network.origin[name] for name in ("key", "model", "dataset", "seed", "archlab", "metrics")},
    }
    return {name: json.dumps(value) for name, value in told.items()}


def refusal(error: BaseException, format: str) -> UserError:
    """One line of an exporter's page: the cause, and the line of own code that it came from. `format` as people call it."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    text = "\n".join(str(each) for each in chain)
    frames = re.findall(r'File "([^"]+\.py)", line (\d+)', text)
    for each in chain:
        walked = each.__traceback__
        while walked is not None:
            frames.append((walked.tb_frame.f_code.co_filename, str(walked.tb_lineno)))
            walked = walked.tb_next
    own = [f"{place.rpartition('/')[2]}:{line}" for place, line in frames if "archlab-own-code-" in place]
    root = chain[-1]
    reason = str(root).strip().partition("\n")[0] or type(root).__name__
    return UserError(f"the network cannot be exported to {format}: {reason}", where=own[-1] if own else None)
