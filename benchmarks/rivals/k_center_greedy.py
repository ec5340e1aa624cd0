"""The coreset of PatchCore."""

import torch
from torch import Tensor
from tqdm import tqdm

__all__ = ["k_center_greedy"]


def k_center_greedy(rows: Tensor, count: int, *, first: int) -> Tensor:
    """Choose rows so that every row is near a chosen one: always the one that is farthest from all chosen so far.

    The largest distance that remains is at most twice the smallest possible (Gonzalez 1985,
    https://doi.org/10.1016/0304-3975(85)90224-5). Takes ``count`` passes over the rows, bound by the speed of memory.

    Args:
        rows: ``[M, C]``, float32.
        count: rows to choose, at most M.
        first: the one to begin with.

    Returns:
        Their indices ``[count]``, in the order of choice, none twice.
    """
    squares = rows.square().sum(1)
    distances = torch.full((len(rows),), torch.inf)
    chosen = [first]
    for _ in tqdm(range(count - 1), desc="coreset", unit="row", leave=False):
        newest = chosen[-1]
        to_newest = torch.addmv(squares + squares[newest], rows, rows[newest], alpha=-2)
        torch.minimum(distances, to_newest, out=distances)
        distances[newest] = -torch.inf  # rounding may leave more than a duplicate's distance
        chosen.append(int(distances.argmax()))
    return torch.tensor(chosen)
