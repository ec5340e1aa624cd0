"""Let timm import where torchvision's compiled operators cannot load.

timm imports torchvision, and torchvision registers shape functions for its compiled operators at import. Beside
a torch it was not built for (a CPU torch with a CUDA torchvision is the common case) those operators do not
load, and the import ends in ``RuntimeError: operator torchvision::nms does not exist``. Nothing here calls
them, so declaring their schemas is enough. With a sound torchvision this module does nothing.

Every module that needs timm imports it through here: ``from monai_sar._torchvision import timm``.
"""

import torch

__all__ = ["timm"]

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")


def _import_torchvision() -> torch.library.Library | None:
    """Import torchvision, declaring its missing operators first if it fails without them.

    Returns:
        The library that holds the declarations (they vanish when it is collected), or None if none were needed.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    else:
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in _OPERATORS:
        library.define(operator + _SCHEMA)
    return library


_DECLARATIONS = _import_torchvision()

import timm  # noqa: E402
