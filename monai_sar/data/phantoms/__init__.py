"""Synthetic scans that need no download: for a first run, for tests and for teaching, not for claims."""

from monai_sar.data.phantoms.brain_mri import BrainPhantom, make_brain_phantom
from monai_sar.data.phantoms.dataset import write_brain_mri_phantoms
from monai_sar.data.phantoms.folder_marker import FolderInUseError
from monai_sar.data.phantoms.lesion import LesionKind

__all__ = ["BrainPhantom", "FolderInUseError", "LesionKind", "make_brain_phantom", "write_brain_mri_phantoms"]
