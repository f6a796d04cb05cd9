"""How many batches an epoch has."""


def batches_of(images: int, batch_size: int, keep_incomplete: bool = False) -> int:
    """Batches of an epoch of so many images.

    What is left after the last whole batch waits for the next epoch's order, or is kept as a smaller batch, unless it is a
    single image, which cannot be normalised by its batch. Fewer images than a batch are one batch.
    """
    whole, left = divmod(images, batch_size)
    return max(whole + (keep_incomplete and left > 1), 1)
