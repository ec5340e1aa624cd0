"""Attenuation of the tissues of an abdomen in the portal-venous phase."""

from dataclasses import dataclass
from typing import Self

import numpy as np

__all__ = ["Attenuation"]

FATTY_LIVERS = 0.15  # share of subjects


@dataclass(frozen=True)
class Attenuation:
    """Hounsfield units of one subject: contrast medium and the fat in the liver differ, fluid and air do not."""

    liver: float
    liver_vessels: float
    spleen: float
    renal_cortex: float
    aorta: float
    cava: float
    muscle: float
    marrow: float
    pancreas: float
    fat: float = -100.0
    air: float = -1000.0
    lung: float = -860.0
    bile: float = 10.0
    cortical_bone: float = 480.0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one subject; a fatty liver may be as dark as a lesion is in another one."""
        fatty = rng.uniform() < FATTY_LIVERS
        healthy, steatotic = rng.uniform((98, 60), (117, 85))
        return cls(
            liver=float(steatotic if fatty else healthy),
            liver_vessels=rng.uniform(150, 180),
            spleen=rng.uniform(108, 124),
            renal_cortex=rng.uniform(155, 185),
            aorta=rng.uniform(145, 170),
            cava=rng.uniform(130, 155),
            muscle=rng.uniform(50, 62),
            marrow=rng.uniform(140, 210),
            pancreas=rng.uniform(80, 100),
        )
