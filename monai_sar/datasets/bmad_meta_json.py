"""Hold the ``meta.json`` that comes with layout F (Uni-Medical) against the files that are there.

``meta.json`` lists the images of several domains::

    {"test": {"brain": [{"img_path": "brain/test/Ungood/x.png", "anomaly": 1,
                         "mask_path": "brain/ground_truth/Ungood/x.png"}, ...]}, "train": ...}

The script that writes it pairs the masks by position, so a missing mask shifts all that follow. What it says
is therefore checked and never used.
"""

import json
from pathlib import Path, PurePosixPath

from monai_sar.datasets.bmad_folder import BMADLayout
from monai_sar.datasets.bmad_layouts import CLASSES, Split

__all__ = ["find_meta_json_problems"]

_NAMED = 5  # a problem names so many images and counts the rest


def find_meta_json_problems(layout: BMADLayout, split: Split) -> list[str]:
    """Say in what ``meta.json`` and the files contradict each other.

    Args:
        layout: what was found on disk; ``meta.json`` is looked for in its root and one folder up.
        split: "train" or "test".

    Returns:
        The contradictions; empty if there are none, or no ``meta.json``.
    """
    root = layout.root.resolve()
    found = [path for path in (root / "meta.json", root.parent / "meta.json") if path.is_file()]
    if not found:
        return []
    try:
        listed = _read(found[0], split, domain=root.name)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        return [
            f"found {found[0]}, which is not this layout's list of files ({error!r}); expected img_path, "
            "mask_path and anomaly of every image. Get it anew, or remove it to go by the files alone"
        ]
    there = {
        _key(image.as_posix()): kind == "Ungood" for kind in CLASSES for image in layout.images.get((split, kind), ())
    }
    common = listed.keys() & there.keys()
    contradictions = {
        "lists images that are not there": listed.keys() - common,
        "does not list images that are there": there.keys() - common,
        "calls images of the other class": {key for key in common if listed[key][0] != there[key]},
        "gives images the mask of another name": {
            key for key in common if there[key] and PurePosixPath(listed[key][1]).stem != PurePosixPath(key).stem
        },
    }
    return [
        f"found {found[0]}, which {what}: {len(images)}, such as {', '.join(sorted(images)[:_NAMED])}; "
        "expected it to agree with the files. Get what is missing, or remove meta.json to go by the files"
        for what, images in contradictions.items()
        if images
    ]


def _read(meta_json: Path, split: Split, *, domain: str) -> dict[str, tuple[bool, str]]:
    """Return whether each listed image of the domain is abnormal, and the path of its mask."""
    listed = {}
    for entries in json.loads(meta_json.read_text(encoding="utf-8"))[split].values():
        for entry in entries:
            folders = PurePosixPath(entry["img_path"]).parts[:-3]
            if folders in ((), (domain,)):
                listed[_key(entry["img_path"])] = (bool(entry["anomaly"]), str(entry["mask_path"]))
    return listed


def _key(path: str) -> str:
    """Return ``class/name`` of an image, by which ``meta.json`` and the files are compared."""
    return "/".join(PurePosixPath(path).parts[-2:])
