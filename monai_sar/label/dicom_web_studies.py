"""Studies from a DICOMweb server, and labels back to it."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 (its users' own name for it)
from dicomweb_client.session_utils import create_session_from_user_pass
from monailabel.config import settings
from monailabel.datastore.dicom import DICOMwebClientX, DICOMWebDatastore
from monailabel.datastore.local import LocalDatastore
from monailabel.datastore.utils.dicom import dicom_web_upload_dcm
from monailabel.interfaces.datastore import DefaultLabelTag

from monai_sar.label.request import NOT_FOUND, refusal
from monai_sar.results.dicom_segmentation import write_segmentation
from monai_sar.scans import read_scan
from monai_sar.scans.dicom_header import read_instances
from monai_sar.scans.library_warnings import without_library_warnings

__all__ = ["DicomWebStudies"]


class DicomWebStudies(DICOMWebDatastore):
    """MONAI Label's store of DICOMweb series, whose results go back as our own DICOM Segmentations.

    Labels that a radiologist has drawn go back as MONAI Label sends them, with dcmqi; one with nothing in it stays in
    the store, because dcmqi writes no empty Segmentation.

    Args:
        address: of the server; MONAI Label's own settings say the rest (``MONAI_LABEL_DICOMWEB_...`` and the like).
    """

    def __init__(self, address: str) -> None:
        user, password = settings.MONAI_LABEL_DICOMWEB_USERNAME, settings.MONAI_LABEL_DICOMWEB_PASSWORD
        client = DICOMwebClientX(
            url=address,
            session=create_session_from_user_pass(user, password) if user and password else None,
            qido_url_prefix=settings.MONAI_LABEL_QIDO_PREFIX,
            wado_url_prefix=settings.MONAI_LABEL_WADO_PREFIX,
            stow_url_prefix=settings.MONAI_LABEL_STOW_PREFIX,
        )
        super().__init__(
            client=client,
            search_filter=settings.MONAI_LABEL_DICOMWEB_SEARCH_FILTER,
            cache_path=settings.MONAI_LABEL_DICOMWEB_CACHE_PATH.strip() or None,
            fetch_by_frame=settings.MONAI_LABEL_DICOMWEB_FETCH_BY_FRAME,
            convert_to_nifti=settings.MONAI_LABEL_DICOMWEB_CONVERT_TO_NIFTI,
        )

    def get_image_uri(self, image_id: str) -> str:
        """Fetch a series, if it is not there yet.

        Raises:
            HTTPException: the server has no such series.
        """
        try:
            return _kept(partial(super().get_image_uri, image_id))
        except IndexError:
            raise refusal(NOT_FOUND, f"The DICOMweb server has no series {image_id!r}.") from None

    def get_label_uri(self, label_id: str, label_tag: str, image_id: str = "") -> str:
        """The file of a label: the one that is kept here, or else fetched as a DICOM series."""
        kept: str = LocalDatastore.get_label_uri(self, label_id, label_tag)
        return kept or _kept(partial(super().get_label_uri, label_id, label_tag, image_id))

    def save_label(
        self, image_id: str, label_filename: str, label_tag: str, label_info: dict[str, Any], label_id: str = ""
    ) -> str:
        """Keep a label; a final one goes to the DICOMweb server too."""
        if label_tag == DefaultLabelTag.FINAL and "model" in label_info:
            self._send_result(image_id, label_filename, label_info)
        elif (
            label_tag == DefaultLabelTag.FINAL
            and not label_filename.endswith(".bin")
            and not _values(label_filename).any()
        ):
            pass
        else:
            saved: str = super().save_label(image_id, label_filename, label_tag, label_info, label_id)
            return saved
        kept: str = LocalDatastore.save_label(self, image_id, label_filename, label_tag, label_info)
        return kept

    def _send_result(self, image_id: str, label: str, label_info: dict[str, Any]) -> None:
        series = Path(self._datastore.image_path(), image_id)
        scan = read_scan(series)
        sources = read_instances(scan.instances)
        mask = _values(label).transpose() > 0
        # highdicom quotes headers in its warnings
        with tempfile.TemporaryDirectory(prefix="monai-sar-") as folder, without_library_warnings():
            file = Path(folder, "label.dcm")
            frames = list(scan.frame_numbers) or None
            write_segmentation(file, np.moveaxis(mask, scan.slice_axis, 2), sources, frame_numbers=frames)
            label_info["SeriesInstanceUID"] = dicom_web_upload_dcm(str(file), self._client)


def _kept(fetch: Callable[[], str]) -> str:
    """The file in the store; after a first fetch MONAI Label gives the temporary one that it has copied there."""
    uri = fetch()
    if Path(uri).parent != Path(tempfile.gettempdir()):
        return uri
    kept = fetch()
    Path(uri).unlink(missing_ok=True)
    return kept


def _values(label: str) -> npt.NDArray[Any]:
    """``[Z, Y, X]``."""
    return sitk.GetArrayFromImage(sitk.ReadImage(label))
