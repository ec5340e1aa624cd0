"""A data set of phantoms on disk: slices in BMAD layout, a few volumes, and a note on what they are."""

import logging
import os
from pathlib import Path
from typing import Any, Literal, NamedTuple

from monai_sar._atomic import atomic_path
from monai_sar._progress import progress_bar
from monai_sar._versions import __version__
from monai_sar.phantoms.bmad_slices import write_bmad_slices
from monai_sar.phantoms.domain import PhantomDomain
from monai_sar.phantoms.folder_marker import begin_data_set, finish_data_set

__all__ = ["write_phantoms"]

_LOGGER = logging.getLogger(__name__)


class _Group(NamedTuple):
    """Subjects of one use. A subject is its number, so no subject is in two groups whatever their sizes."""

    numbers: range
    split: Literal["train", "valid", "test"] | None
    abnormal: bool


_GROUPS = {
    "train": _Group(range(0, 5000), "train", abnormal=False),
    "valid_normal": _Group(range(5000, 6000), "valid", abnormal=False),
    "valid_abnormal": _Group(range(6000, 7000), "valid", abnormal=True),
    "test_normal": _Group(range(7000, 8000), "test", abnormal=False),
    "test_abnormal": _Group(range(8000, 9000), "test", abnormal=True),
    "volumes_normal": _Group(range(9000, 9500), None, abnormal=False),
    "volumes_abnormal": _Group(range(9500, 10000), None, abnormal=True),
}
_README = """\
Synthetic scans for trying out and testing MONAI-SAR: no patient, no scanner, no diagnosis.

They imitate {imitates}; these have exact masks, because both are computed.
A figure measured on them says that software works, not how well it finds disease.

{folders}
Written by MONAI-SAR {version} (generator {generator}), seed {seed}, at most {slices} slices per subject.
Subjects: {subjects}.
"""


def write_phantoms(
    domain: PhantomDomain[Any],
    root: str | os.PathLike[str],
    *,
    train: int = 60,
    valid_normal: int = 10,
    valid_abnormal: int = 8,
    test_normal: int = 12,
    test_abnormal: int = 12,
    volumes_normal: int = 2,
    volumes_abnormal: int = 3,
    slices_per_subject: int = 8,
    seed: int = 0,
) -> bool:
    """Write a data set of synthetic scans, unless the same one is there already.

    ``root/bmad`` holds slices in BMAD layout for training and evaluation, another folder whole volumes of other
    subjects. ``root/phantoms.json`` is written last: a run that was stopped is done again by the same call.

    Args:
        domain: what the scans imitate.
        root: the folder to write to; created if it is missing.
        train: number of subjects to train on, all normal.
        valid_normal: number of normal subjects to validate on.
        valid_abnormal: number of subjects with a lesion to validate on.
        test_normal: number of normal subjects to test on.
        test_abnormal: number of subjects with a lesion to test on.
        volumes_normal: number of volumes of normal subjects.
        volumes_abnormal: number of volumes of subjects with a lesion.
        slices_per_subject: the most slices of one subject in a split.
        seed: another seed gives other subjects.

    Returns:
        True if the data set was written, False if it was there.

    Raises:
        FolderInUseError: ``root`` holds phantoms of other settings, or something else in their place.
        ValueError: a number is out of range.
    """
    root = Path(root)
    counts = {
        "train": train,
        "valid_normal": valid_normal,
        "valid_abnormal": valid_abnormal,
        "test_normal": test_normal,
        "test_abnormal": test_abnormal,
        "volumes_normal": volumes_normal,
        "volumes_abnormal": volumes_abnormal,
    }
    for name, count in counts.items():
        if not 0 <= count <= len(_GROUPS[name].numbers):
            raise ValueError(f"{name} is {count}, expected 0 to {len(_GROUPS[name].numbers)} subjects.")
    if slices_per_subject < 1 or seed < 0:
        raise ValueError(f"slices_per_subject is {slices_per_subject} (at least 1), seed is {seed} (at least 0).")
    settings = {
        "domain": domain.name,
        "generator": domain.generator,
        "seed": seed,
        "slices_per_subject": slices_per_subject,
        **counts,
    }
    if not begin_data_set(root, settings, names=("bmad", domain.volume_folder, "README.txt")):
        _LOGGER.info("%s holds these phantoms already; nothing to do.", root)
        return False
    _write_subjects(domain, root, counts, slices_per_subject=slices_per_subject, seed=seed)
    with atomic_path(root / "README.txt") as temporary:
        subjects = ", ".join(f"{name} {count}" for name, count in counts.items())
        text = _README.format(
            imitates=domain.imitates,
            folders=domain.folders,
            version=__version__,
            generator=domain.generator,
            seed=seed,
            slices=slices_per_subject,
            subjects=subjects,
        )
        temporary.write_text(text, encoding="utf-8")
    finish_data_set(root, settings)
    return True


def _write_subjects(
    domain: PhantomDomain[Any], root: Path, counts: dict[str, int], *, slices_per_subject: int, seed: int
) -> None:
    work = [(_GROUPS[name], number) for name, n in counts.items() for number in _GROUPS[name].numbers[:n]]
    for group, subject in progress_bar(work, task="Writing phantoms", unit="subject"):
        phantom = domain.make(seed, subject, group.abnormal)
        if group.split is None:
            domain.write_volume(phantom, root / domain.volume_folder, subject)
        else:
            write_bmad_slices(
                domain.slice_pixels(phantom),
                phantom.mask,
                root / "bmad",
                split=group.split,
                subject=subject,
                count=slices_per_subject,
            )
