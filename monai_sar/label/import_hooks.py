"""Let MONAI Label 0.8.5 import beside the libraries of today.

It imports two modules that are not there: ``pydicom._storage_sopclass_uids`` (by way of pydicom-seg 0.4.1), which
pydicom 3 has as ``pydicom.uid``; and, beside a torch of another build, the operators of torchvision, see
:mod:`monai_sar._torchvision`. MONAI Label does so in its own processes before it loads any app, so the environment has
to load this module in every process, with a line in a ``.pth`` file (``make label-env`` writes it)::

    import monai_sar.label.import_hooks

Importing it costs next to nothing and changes nothing else.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

__all__ = ["ImportHook"]

INSTEAD = {"pydicom._storage_sopclass_uids": "pydicom.uid", "torchvision": "monai_sar._torchvision"}
"""What is asked for -> what is imported."""


class ImportHook(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and loads these two modules."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Take charge of the two modules."""
        if fullname not in INSTEAD:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=fullname == "torchvision")

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Import the other module. It is the one that was asked for, or has imported that one."""
        sys.meta_path.remove(self)  # it asks for the first one, and means the file
        try:
            other = importlib.import_module(INSTEAD[spec.name])
        finally:
            sys.meta_path.insert(0, self)
        return sys.modules.get(spec.name, other)

    def exec_module(self, module: ModuleType) -> None:
        """It has been executed."""


sys.meta_path.insert(0, ImportHook())
