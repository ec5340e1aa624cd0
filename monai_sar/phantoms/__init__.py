"""Synthetic scans that need no download: for a first run, for tests and for teaching, not for claims."""

from collections.abc import Mapping
from typing import Any, Final

from monai_sar.datasets.settings_file import FolderInUseError
from monai_sar.phantoms.brain_mri import BRAIN_MRI, BrainPhantom, LesionKind, make_brain_phantom
from monai_sar.phantoms.dataset import write_phantoms
from monai_sar.phantoms.domain import PhantomDomain
from monai_sar.phantoms.liver_ct import LIVER_CT, LiverLesionKind, LiverPhantom, make_liver_phantom
from monai_sar.phantoms.retinal_oct import RETINAL_OCT, RetinaLesionKind, RetinaPhantom, make_retina_phantom

__all__ = [
    "DOMAINS",
    "BrainPhantom",
    "FolderInUseError",
    "LesionKind",
    "LiverLesionKind",
    "LiverPhantom",
    "RetinaLesionKind",
    "RetinaPhantom",
    "make_brain_phantom",
    "make_liver_phantom",
    "make_retina_phantom",
    "write_phantoms",
]

_ALL: tuple[PhantomDomain[Any], ...] = (BRAIN_MRI, LIVER_CT, RETINAL_OCT)
DOMAINS: Final[Mapping[str, PhantomDomain[Any]]] = {domain.name: domain for domain in _ALL}
"""Every kind of scan that phantoms imitate, by name."""
