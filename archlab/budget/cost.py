"""What a network costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a network for one image, in evaluation mode.

    Attributes:
        params: All parameters as trained: training branches and the classifier included.
        params_without_classifier: The same without the classifier, which is the last linear layer or the block of that name.
        params_deployed: All parameters of the fused network, training branches merged.
        macs: Multiply-accumulates of convolutions, linears and attention products of the network as trained. Normalisation,
            pooling and activation functions count as none, biases neither.
        activations: Output elements of the same operators.
        macs_deployed: `macs` of the fused network.
    """

    params: int
    params_without_classifier: int
    params_deployed: int
    macs: int
    activations: int
    macs_deployed: int
