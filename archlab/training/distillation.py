"""The loss of a student that learns from a teacher (Hinton, Vinyals, Dean 2015, arXiv 1503.02531, section 2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from archlab.training.foundations import Distillation


def distilled(loss: Tensor, outputs: Tensor, taught: Tensor, settings: Distillation) -> Tensor:
    """(1 - weight) * loss + weight * temperature^2 * KL(softened teacher || softened student), the mean over images.

    The square of the temperature keeps the gradients of both terms of one size, whatever the temperature.

    Args:
        loss: Of the outputs and the labels.
        outputs, taught: What the student and the teacher say of the same images before any softmax, float (N, classes).
    """
    student, teacher = (F.log_softmax(each.float() / settings.temperature, dim=1) for each in (outputs, taught))
    divergence = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
    return (1 - settings.weight) * loss + settings.weight * settings.temperature**2 * divergence
