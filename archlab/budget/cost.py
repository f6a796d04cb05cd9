"""What a network costs."""

from __future__ import annotations

from dataclasses import dataclass, field


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
        peak_memory: Bytes of the feature maps of the fused network that are alive at once, at most, at 8 bits a value (float32:
            four times as many), see `blocks.feature_maps`. None where it was not counted by closed form, or there are blocks of
            a user's own that nobody has held against theirs (`archlab.budget.memory`).
    """

    params: int
    params_without_classifier: int
    params_deployed: int
    macs: int
    activations: int
    macs_deployed: int
    peak_memory: int | None = field(default=None, compare=False)

    @property
    def flash(self) -> int:
        """Bytes of the weights of the fused network at 8 bits each."""
        return self.params_deployed
