"""The points of ROC and precision-recall curves."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Curve"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """What happens as the threshold falls, from nothing flagged to everything.

    Attributes:
        fpr: share of the normal ones that are flagged.
        recall: share of the anomalous ones that are flagged.
        precision: share of the flagged ones that are anomalous, from the first one flagged on (one value less).
        prevalence: share of all that are anomalous: the precision of chance.
    """

    fpr: FloatArray
    recall: FloatArray
    precision: FloatArray
    prevalence: float

    @classmethod
    def of(cls, normal: FloatArray, anomalous: FloatArray) -> "Curve | None":
        """From counts of each of K ascending scores, ``[K]`` each; None where a class is missing.

        Example:
            >>> import numpy as np
            >>> curve = Curve.of(np.array([2.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0]))
            >>> curve.recall.tolist(), curve.precision.tolist(), curve.prevalence
            ([0.0, 0.5, 1.0, 1.0], [1.0, 0.6666666666666666, 0.4], 0.4)
        """
        if not normal.any() or not anomalous.any():
            return None
        occupied = (normal + anomalous)[::-1] > 0
        false = np.append(0, normal[::-1][occupied].cumsum())
        true = np.append(0, anomalous[::-1][occupied].cumsum())
        return cls(
            fpr=false / false[-1],
            recall=true / true[-1],
            precision=true[1:] / (true + false)[1:],
            prevalence=float(true[-1] / (true + false)[-1]),
        )
