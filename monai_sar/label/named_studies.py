"""Stores of studies that are found by their names alone, and nothing outside them."""

import os
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from monailabel.datastore.local import LocalDatastore

from monai_sar.label.dicom_web_studies import DicomWebStudies
from monai_sar.label.names import require_name
from monai_sar.label.request import UNPROCESSABLE, refusal

__all__ = ["NamedDicomWebStudies", "NamedFolderStudies"]


class _NamedStudies(LocalDatastore):
    """What MONAI Label's stores take for a part of a path is checked to be a name, and to stay in the studies.

    All methods raise :class:`fastapi.HTTPException` (422) if a name of a study or a tag is a path, or if a symbolic
    link leads outside; otherwise they do what they do in the store.
    """

    def add_image(self, image_id: str, image_filename: str, image_info: dict[str, Any]) -> str:
        """Add a study; one with another extension could replace the list of the studies itself."""
        require_name("study", image_id)
        name = self._filename(image_id, self._to_id(Path(image_filename).name)[1])
        if not any(fnmatch(name, pattern) for pattern in self._extensions):
            raise refusal(UNPROCESSABLE, f"A study is expected as one of {', '.join(self._extensions)}.")
        self._require_inside(self._datastore.image_path(), name)
        added: str = super().add_image(image_id, image_filename, image_info)
        return added

    def remove_image(self, image_id: str) -> None:
        """Remove a study and its labels."""
        require_name("study", image_id)
        self._require_inside(LocalDatastore.get_image_uri(self, image_id))  # nothing is fetched to be removed
        super().remove_image(image_id)

    def get_image_uri(self, image_id: str) -> str:
        """The file of a study; empty if there is none."""
        require_name("study", image_id)
        uri: str = super().get_image_uri(image_id)
        self._require_inside(uri)
        return uri

    def save_label(
        self, image_id: str, label_filename: str, label_tag: str, label_info: dict[str, Any], label_id: str = ""
    ) -> str:
        """Keep a label; its own name is given where it has another one than the study."""
        require_name("study", image_id)
        require_name("tag", label_tag)
        name = self._filename(image_id, self._to_id(Path(label_filename).name)[1])
        self._require_inside(self._datastore.label_path(label_tag), name)
        saved: str = super().save_label(
            image_id, label_filename, label_tag, label_info, *([label_id] if label_id else [])
        )
        return saved

    def get_label_uri(self, label_id: str, label_tag: str, image_id: str = "") -> str:
        """The file of a label, with the study that it is of where it has another name; empty if there is none."""
        require_name("label", label_id)
        require_name("tag", label_tag)
        uri: str = super().get_label_uri(label_id, label_tag, *([image_id] if image_id else []))
        self._require_inside(uri)
        return uri

    def datalist(self, full_path: bool = True) -> list[dict[str, Any]]:
        """The studies with a final label, which can be downloaded all at once."""
        files: list[dict[str, Any]] = super().datalist(full_path)
        for pair in files:
            for file in pair.values():
                self._require_inside(self._datastore_path, file)
        return files

    def _require_inside(self, *parts: str) -> None:
        path = os.path.realpath(os.path.join(*parts))  # noqa: PTH118 (an empty path stays empty)
        if parts[0] and not Path(path).is_relative_to(os.path.realpath(self._datastore_path)):
            raise refusal(
                UNPROCESSABLE,
                f"{Path(parts[-1]).name!r} leads out of the folder of the studies, by a symbolic link or by the list "
                "datastore_v2.json: put the file itself there.",
            )


class NamedFolderStudies(_NamedStudies):
    """Studies in a folder."""


class NamedDicomWebStudies(_NamedStudies, DicomWebStudies):
    """Studies on a DICOMweb server, and the copies of them."""
