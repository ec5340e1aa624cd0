"""Divide patients, never slices, among train, validation and test."""

import hashlib
from collections.abc import Iterable, Mapping

from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.datasets.bmad_layouts import Split

__all__ = ["split_patients"]


def split_patients(
    patients: Iterable[str], *, shares: Mapping[Split, float], rest: Split, seed: int
) -> dict[str, Split]:
    """Draw the patients of each split by a hash of seed and name.

    The same patients and seed give the same splits on every machine, in whatever order the patients are found.

    Args:
        patients: their names; a name that comes twice is one patient.
        shares: the share of patients that a split gets, rounded, but at least one patient.
        rest: the split of all others, at least one.
        seed: another seed gives other splits.

    Raises:
        DatasetError: there are fewer patients than splits.

    Example:
        >>> split_patients(["a", "b", "c"], shares={"valid": 0.1}, rest="train", seed=0)
        {'c': 'train', 'b': 'train', 'a': 'valid'}
    """
    drawn = sorted(set(patients), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    counts = {split: max(1, round(share * len(drawn))) for split, share in shares.items()}
    if len(drawn) <= sum(counts.values()):
        raise DatasetError(
            f"found {len(drawn)} patients; expected at least {len(shares) + 1}, one for each of "
            f"{', '.join((rest, *shares))}, because no patient may be in two splits. Add the missing scans."
        )
    splits: dict[str, Split] = {}
    for split, count in counts.items():
        splits.update(dict.fromkeys(drawn[:count], split))
        del drawn[:count]
    return dict.fromkeys(drawn, rest) | splits
