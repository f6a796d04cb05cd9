"""Folders within the folders of classes: there may be a level between, or the classes one deeper."""

from __future__ import annotations

from pathlib import Path

from archlab.data.readers.labels import SPLIT_NAMES
from archlab.data.readers.places import folders, holds_images, images_below
from archlab.foundation import UserError

_TOLD = 3  # names
ALL_IMAGES = ("images", "image", "imgs", "img", "jpegimages")  # what hardly a class is called


def unwrapped(folder: Path) -> Path:
    """`folder`, or the folder of folders that is all it holds, where that is called as it is or as all images are: train.zip is
    unpacked to train/train/."""
    while len(inside := folders(folder)) == 1 and inside[0].name.lower() in (folder.name.lower(), *ALL_IMAGES):
        if holds_images(folder) or not folders(inside[0]):
            break
        folder = inside[0]
    return folder


def nested(part: Path) -> str | None:
    """What is said of classes where no image lies directly in the folder of one, but in two or more folders there.

    Raises UserError where these are called as parts in every class.
    """
    classes = folders(part)
    if len(classes) < 2 or any(map(holds_images, classes)):
        return None
    inside = [[below.name for below in folders(each) if images_below(below, linked=True)[0]] for each in classes]
    deepest = max(inside, key=len)
    if len(deepest) < 2:
        return None
    first = classes[inside.index(deepest)].name
    if all(name.lower() in SPLIT_NAMES for names in inside for name in names):
        way_out = f"the classes must be in the parts, as in {deepest[0]}/{first}"
        raise UserError(f"holds the parts {_told(deepest)} in every folder: {way_out}", where=str(part))
    told = f"{first}: {_told(deepest)}"
    return f"the images lie in folders within those of the classes ({told}); if these are the classes, move them up"


def _told(names: list[str]) -> str:
    return ", ".join(names[:_TOLD]) + (", ..." if len(names) > _TOLD else "")


def is_class(part: Path, beside: list[Path]) -> bool:
    """Whether the only folder that is called as a part is a class, as those `beside` are: it holds images of its own, and
    not two folders that could be told apart."""
    alone = holds_images(part) and len(folders(part)) < 2
    return alone and any(images_below(other, unreadable=[])[0] for other in beside)
