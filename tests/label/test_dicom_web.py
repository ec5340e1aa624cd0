"""A study comes from a DICOMweb server, and its result goes back as a DICOM Segmentation."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import FileDataset, FileMetaDataset

from monai_sar.inferers import ScanPredictor
from tests.conftest import BUNDLE, head
from tests.label.conftest import MODEL, REASON, LabelServer, free_port

pytest.importorskip("monailabel", reason=REASON)
requests = pytest.importorskip("requests", reason=REASON)
ORTHANC = shutil.which("Orthanc")
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
pytestmark = [
    pytest.mark.label,
    pytest.mark.skipif(
        ORTHANC is None or not PLUGIN.exists(),
        reason="Orthanc is not installed: apt-get install orthanc orthanc-dicomweb",
    ),
]
OBLIQUE = (0.9396926, 0.3420201, 0.0, -0.2961981, 0.8137977, 0.5)
SECRETS = ("Secret^Patient", "SECRET-ID")


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty DICOMweb server on a loopback port."""
    folder = tmp_path_factory.mktemp("orthanc")
    port = free_port()
    config = {
        "Name": "TEST",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [str(PLUGIN)],
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(config))
    command = [str(ORTHANC), str(folder / "orthanc.json")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    address = f"http://127.0.0.1:{port}/dicom-web"
    try:
        for _ in range(300):
            try:
                if requests.get(f"{address}/studies", timeout=5).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.1)
        else:
            pytest.fail((folder / "log").read_text())
        yield address
    finally:
        process.terminate()
        process.wait(20)


def write_mr(folder: Path, voxels: NDArray[np.int16]) -> str:
    """Write ``[rows, columns, slices]`` as an oblique MR series and return its UID."""
    study, series, frame = uid.generate_uid(), uid.generate_uid(), uid.generate_uid()
    normal = np.cross(OBLIQUE[:3], OBLIQUE[3:])
    for index in range(voxels.shape[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = uid.MRImageStorage, uid.generate_uid()
        meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = study, series, frame
        ds.PatientName, ds.PatientID, ds.PatientBirthDate = *SECRETS, ""
        ds.PatientSex, ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "", "", "", "", ""
        ds.Modality, ds.ImageType, ds.Manufacturer = "MR", ["ORIGINAL", "PRIMARY"], ""
        ds.SeriesNumber, ds.InstanceNumber = 1, index + 1
        ds.ImageOrientationPatient = [f"{value:.7g}" for value in OBLIQUE]
        ds.ImagePositionPatient = [f"{value:.7g}" for value in (-40, 25, 110) + index * 4.0 * normal]
        ds.PixelSpacing, ds.SliceThickness = ["1.1", "0.9"], "4"
        ds.Rows, ds.Columns = voxels.shape[:2]
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        ds.PixelData = voxels[..., index].astype("<u2").tobytes()
        pydicom.dcmwrite(folder / f"{(index * 3 + 2) % 7}{index}", ds, enforce_file_format=True)
    return str(series)


@pytest.fixture(scope="module")
def series(orthanc: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """UID and files of an MR series that lies on the DICOMweb server."""
    from dicomweb_client import DICOMwebClient

    folder = tmp_path_factory.mktemp("series")
    series = write_mr(folder, head((34, 30, 5), seed=7))
    DICOMwebClient(orthanc).store_instances([pydicom.dcmread(path) for path in folder.iterdir()])
    return series, folder


@pytest.fixture(scope="module")
def server(
    start_server: Callable[..., LabelServer],
    orthanc: str,
    series: tuple[str, Path],
    calibrated: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> LabelServer:
    environment = {
        "MONAI_LABEL_DICOMWEB_SEARCH_FILTER": json.dumps({"Modality": "MR"}),
        "MONAI_LABEL_DICOMWEB_CACHE_PATH": str(tmp_path_factory.mktemp("cache")),
    }
    conf = {"bundles": BUNDLE.parent, "models": MODEL, f"{MODEL}.ckpt_path": calibrated}
    return start_server(orthanc, conf, environment=environment)


@pytest.fixture(scope="module")
def threshold(calibrated_predictor: ScanPredictor, series: tuple[str, Path]) -> float:
    """A score that a part of the scan exceeds."""
    scores = calibrated_predictor(series[1]).anomaly_map.numpy()
    return float(np.quantile(scores[scores > 0], 0.8))


def segmentations(orthanc: str) -> list[pydicom.Dataset]:
    from dicomweb_client import DICOMwebClient

    client = DICOMwebClient(orthanc)
    found = client.search_for_series(search_filters={"Modality": "SEG"})
    keys = [(each["0020000D"]["Value"][0], each["0020000E"]["Value"][0]) for each in found]
    return [instance for study, series in keys for instance in client.retrieve_series(study, series)]


def test_the_result_lies_on_the_volume_that_viewers_see(
    server: LabelServer, series: tuple[str, Path], calibrated_predictor: ScanPredictor, threshold: float
) -> None:
    study, folder = series
    assert server.client.next_sample("most_anomalous", {})["id"] == study
    file, answer = server.client.infer(MODEL, study, {"threshold": threshold})
    expected = calibrated_predictor(folder)
    np.testing.assert_array_equal(nib.load(file).dataobj, expected.anomaly_map[0].numpy() > threshold)
    assert answer["score"] == pytest.approx(expected.score, rel=1e-6)
    # MONAI Label makes a NIfTI file of the series for viewers, and OHIF takes a result voxel by voxel
    viewed = server.tmpdir / "viewed.nii.gz"
    viewed.write_bytes(requests.get(f"{server.url}/datastore/image?image={study}", timeout=60).content)
    image, label = sitk.ReadImage(str(viewed)), sitk.ReadImage(str(file))
    assert image.GetSize() == label.GetSize()
    np.testing.assert_allclose(image.GetOrigin(), label.GetOrigin(), atol=1e-3)
    np.testing.assert_allclose(image.GetDirection(), label.GetDirection(), atol=1e-4)
    np.testing.assert_allclose(image.GetSpacing(), label.GetSpacing(), atol=1e-4)


def test_the_result_goes_back_as_a_segmentation(
    server: LabelServer,
    orthanc: str,
    series: tuple[str, Path],
    calibrated_predictor: ScanPredictor,
    threshold: float,
    tmp_path: Path,
) -> None:
    study, folder = series
    assert segmentations(orthanc) == []
    server.client.infer(MODEL, study, {"threshold": threshold, "save_label": True, "label_tag": "final"})
    (stored,) = segmentations(orthanc)
    stored.save_as(tmp_path / "seg.dcm")
    segmentation = hd.seg.segread(tmp_path / "seg.dcm")
    source = pydicom.dcmread(next(folder.iterdir()))
    assert segmentation.StudyInstanceUID == source.StudyInstanceUID
    assert segmentation.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert segmentation.ReferencedSeriesSequence[0].SeriesInstanceUID == study
    scores = calibrated_predictor(folder).anomaly_map
    volume = segmentation.get_volume(combine_segments=True)
    # the same voxels at the same places: compared where the map's own affine puts them
    to_map = np.linalg.inv(np.asarray(scores.affine)) @ np.diag([-1, -1, 1, 1]) @ volume.affine
    voxels = np.indices(volume.spatial_shape).reshape(3, -1)
    there = np.rint(to_map[:3, :3] @ voxels + to_map[:3, 3:]).astype(int)
    assert volume.array.any()
    np.testing.assert_array_equal(volume.array.ravel() > 0, scores[0].numpy()[tuple(there)] > threshold)


def test_what_a_radiologist_draws_goes_back_too(
    server: LabelServer, orthanc: str, series: tuple[str, Path], threshold: float
) -> None:
    file, _ = server.client.infer(MODEL, series[0], {"threshold": threshold})
    label_info = [{"name": "tumour", "idx": 1}]
    server.client.save_label(series[0], file, tag="final", params={"label_info": label_info})
    labels = {each.SegmentSequence[0].SegmentLabel for each in segmentations(orthanc)}
    assert labels == {"Anomaly (research)", "tumour"}


def test_a_label_with_nothing_in_it_marks_the_study_normal(
    server: LabelServer, orthanc: str, series: tuple[str, Path]
) -> None:
    file, _ = server.client.infer(MODEL, series[0], {"threshold": 1e6})
    before = len(segmentations(orthanc))
    server.client.save_label(series[0], file, tag="final", params={"label_info": []})
    assert len(segmentations(orthanc)) == before
    answer = requests.post(f"{server.url}/train/{MODEL}?run_sync=true", json={}, timeout=60)
    assert "normal studies of 1 patients" in answer.json()["detail"]


def test_an_unknown_series_is_told(server: LabelServer) -> None:
    from monailabel.client.client import MONAILabelClientException

    with pytest.raises(MONAILabelClientException) as error:
        server.client.infer(MODEL, "1.2.3", {})
    assert "Status: 404" in error.value.msg
    assert "no series '1.2.3'" in error.value.msg


def test_no_patient_is_logged(server: LabelServer) -> None:  # the last test of this server
    assert server.stop() in (0, -15)
    log = server.log.read_text() + "".join(path.read_text() for path in (server.app / "logs").iterdir())
    assert not [secret for secret in SECRETS if secret in log]
