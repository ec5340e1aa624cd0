"""DICOM results lie on the scan, refer to its slices, belong to its patient and satisfy the standard."""

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Protocol

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom.dataset import Dataset

from monai_sar._versions import __version__
from monai_sar.results.dicom_parametric_map import write_parametric_map
from monai_sar.results.dicom_segmentation import write_segmentation
from tests.results.conftest import AXIAL, COLUMNS, OBLIQUE, ROWS, SLICES, position

Array = npt.NDArray[Any]
Errors = Callable[[Path], list[str]]
SAGITTAL = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
REVERSED = AXIAL * (1.0, 1.0, -1.0)


class Write(Protocol):
    def __call__(
        self,
        path: Path,
        volume: Array,
        source_images: Sequence[Dataset],
        *,
        frame_numbers: Sequence[int] | None = None,
    ) -> None: ...


def scores(shape: tuple[int, ...] = (COLUMNS, ROWS, SLICES)) -> Array:
    return np.random.default_rng(0).random(shape).astype(np.float32)


def write_mask(
    path: Path, volume: Array, source_images: Sequence[Dataset], *, frame_numbers: Sequence[int] | None = None
) -> None:
    write_segmentation(path, volume > 0.5, source_images, frame_numbers=frame_numbers)


def values_at(path: Path, places: Array) -> Array:
    """Read the values at world coordinates (LPS, mm) `[N, 3]` through the file's own affine."""
    if pydicom.dcmread(path, stop_before_pixels=True).Modality == "SEG":
        volume = hd.seg.segread(path).get_volume(combine_segments=True)
    else:
        volume = hd.pm.ParametricMap.from_file(path).get_volume()
    indices = (np.linalg.inv(volume.affine) @ np.c_[places, np.ones(len(places))].T)[:3].T
    np.testing.assert_allclose(indices, indices.round(), atol=0.01)
    read: Array = volume.array[tuple(indices.round().astype(int).T)]
    return read


WRITERS = pytest.mark.parametrize("write", [write_parametric_map, write_mask], ids=["map", "mask"])


def expected(write: Write, volume: Array) -> Array:
    return volume > 0.5 if write is write_mask else volume


@WRITERS
@pytest.mark.parametrize("directions", [AXIAL, REVERSED, OBLIQUE, SAGITTAL], ids=["ax", "rev", "obl", "sag"])
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_every_voxel_lies_where_it_lay(
    tmp_path: Path,
    series: Callable[..., list[Dataset]],
    dciodvfy: Errors,
    write: Write,
    directions: Array,
    modality: str,
) -> None:
    path, volume = tmp_path / "out" / "result.dcm", scores()
    write(path, volume, series(modality, directions))
    voxels = np.argwhere(np.ones(volume.shape))
    places = np.array([position(directions, (x, y, z)) for x, y, z in voxels])
    np.testing.assert_array_equal(values_at(path, places), expected(write, volume)[tuple(voxels.T)])
    assert dciodvfy(path) == []


@WRITERS
@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("frame_numbers", [None, [5, 4, 3, 2, 1], [2, 4]])
def test_frames_of_one_instance(
    tmp_path: Path,
    enhanced_mr: Callable[..., Dataset],
    dciodvfy: Errors,
    write: Write,
    repeated: bool,
    frame_numbers: list[int] | None,
) -> None:
    path, source = tmp_path / "result.dcm", enhanced_mr(repeated=repeated)
    chosen = frame_numbers or [1, 2, 3, 4, 5]
    volume = scores((COLUMNS, ROWS, len(chosen)))
    write(path, volume, [source], frame_numbers=frame_numbers)
    voxels = np.argwhere(np.ones(volume.shape))
    places = np.array([position(OBLIQUE, (x, y, chosen[z] - 1)) for x, y, z in voxels])
    np.testing.assert_array_equal(values_at(path, places), expected(write, volume)[tuple(voxels.T)])
    for frame in pydicom.dcmread(path).PerFrameFunctionalGroupsSequence:
        number = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber
        place = source.PerFrameFunctionalGroupsSequence[number - 1].PlanePositionSequence
        assert frame.PlanePositionSequence[0].ImagePositionPatient == place[0].ImagePositionPatient
    assert dciodvfy(path) == []


@WRITERS
def test_frames_of_the_parts_of_a_concatenation(
    tmp_path: Path, enhanced_mr: Callable[..., Dataset], write: Write
) -> None:
    """Every frame refers to its own part, and the series to each part once."""
    path, whole, volume = tmp_path / "result.dcm", enhanced_mr(), scores()
    parts = [deepcopy(whole), deepcopy(whole)]
    for part, frames in zip(parts, (slice(0, 2), slice(2, 5)), strict=True):
        part.SOPInstanceUID, part.ConcatenationUID = pydicom.uid.generate_uid(), "1.2.3"
        part.PerFrameFunctionalGroupsSequence = whole.PerFrameFunctionalGroupsSequence[frames]
        part.NumberOfFrames = len(part.PerFrameFunctionalGroupsSequence)
    of_slice, numbers = [0, 0, 1, 1, 1], [1, 2, 1, 2, 3]
    sources = [parts[part] for part in of_slice]
    write(path, volume, sources, frame_numbers=numbers)
    voxels = np.argwhere(np.ones(volume.shape))
    places = np.array([position(OBLIQUE, (x, y, z)) for x, y, z in voxels])
    np.testing.assert_array_equal(values_at(path, places), expected(write, volume)[tuple(voxels.T)])
    result = pydicom.dcmread(path)
    by_uid = {part.SOPInstanceUID: part for part in parts}
    for frame in result.PerFrameFunctionalGroupsSequence:
        reference = frame.DerivationImageSequence[0].SourceImageSequence[0]
        part = by_uid[reference.ReferencedSOPInstanceUID]
        place = part.PerFrameFunctionalGroupsSequence[reference.ReferencedFrameNumber - 1].PlanePositionSequence
        assert frame.PlanePositionSequence[0].ImagePositionPatient == place[0].ImagePositionPatient
    referenced = result.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert [item.ReferencedSOPInstanceUID for item in referenced] == list(by_uid)
    parts[1].ConcatenationUID = "1.2.4"
    with pytest.raises(ValueError, match="Expected one, or for every slice the part of one concatenation"):
        write(path, volume, sources, frame_numbers=numbers)


@WRITERS
def test_study_patient_and_references_are_those_of_the_scan(
    tmp_path: Path, series: Callable[..., list[Dataset]], write: Write
) -> None:
    images = series("CT", OBLIQUE, PatientName="Yamada^Tarou=山田^太郎", SpecificCharacterSet="ISO_IR 192")
    write(tmp_path / "result.dcm", scores(), images)
    result = pydicom.dcmread(tmp_path / "result.dcm")
    for keyword in (
        "StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "PatientName", "PatientBirthDate", "PatientSex",
        "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName", "BodyPartExamined",
    ):  # fmt: skip
        assert result[keyword].value == images[0][keyword].value, keyword
    assert result.SeriesInstanceUID != images[0].SeriesInstanceUID
    by_uid = {image.SOPInstanceUID: image for image in images}
    for frame in result.PerFrameFunctionalGroupsSequence:
        source = by_uid.pop(frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
        assert frame.PlanePositionSequence[0].ImagePositionPatient == source.ImagePositionPatient
    assert not by_uid
    assert result.ReferencedSeriesSequence[0].SeriesInstanceUID == images[0].SeriesInstanceUID


@WRITERS
def test_it_says_what_it_is(tmp_path: Path, series: Callable[..., list[Dataset]], write: Write) -> None:
    write(tmp_path / "result.dcm", scores(), series())
    result = pydicom.dcmread(tmp_path / "result.dcm")
    assert "not for diagnosis" in result.ContentDescription
    assert "research" in result.SeriesDescription
    assert (result.Manufacturer, result.SoftwareVersions) == ("MONAI-SAR", __version__)


def test_the_map_is_float_with_a_window_around_the_threshold(
    tmp_path: Path, series: Callable[..., list[Dataset]]
) -> None:
    volume = scores() * np.float32(1e-3)
    write_parametric_map(tmp_path / "map.dcm", volume, series(), threshold=0.9e-3)
    result = pydicom.dcmread(tmp_path / "map.dcm")
    assert result.ContentQualification == "RESEARCH"
    assert "FloatPixelData" in result
    window = result.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence[0]
    assert window.VOILUTFunction == "LINEAR_EXACT"
    assert float(window.WindowCenter) == pytest.approx(0.9e-3, rel=1e-5)
    assert window.WindowCenter - window.WindowWidth / 2 == pytest.approx(float(np.median(volume)), rel=1e-4)


def test_the_segment_is_a_region_found_by_software(tmp_path: Path, series: Callable[..., list[Dataset]]) -> None:
    write_segmentation(tmp_path / "mask.dcm", scores() > 0.5, series())
    (segment,) = pydicom.dcmread(tmp_path / "mask.dcm").SegmentSequence
    assert segment.SegmentLabel == "Anomaly (research)"
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    assert segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "MONAI-SAR"


@pytest.mark.parametrize("flagged", [0, 1])
def test_an_empty_mask_keeps_the_grid(
    tmp_path: Path, series: Callable[..., list[Dataset]], dciodvfy: Errors, flagged: int
) -> None:
    path, mask = tmp_path / "mask.dcm", np.zeros((COLUMNS, ROWS, SLICES), np.bool_)
    mask[2, 3, 4] = flagged
    write_segmentation(path, mask, series())
    volume = hd.seg.segread(path).get_volume(combine_segments=True)
    assert volume.array.shape == (SLICES, ROWS, COLUMNS)
    assert volume.array.sum() == flagged
    assert dciodvfy(path) == []


@WRITERS
def test_an_anonymised_series(
    tmp_path: Path, series: Callable[..., list[Dataset]], dciodvfy: Errors, write: Write
) -> None:
    removed = (
        "PatientID", "PatientName", "PatientSex", "PatientBirthDate", "AccessionNumber", "StudyID", "StudyDate",
        "ReferringPhysicianName", "SeriesNumber", "FrameOfReferenceUID", "BodyPartExamined", "SliceThickness",
    )  # fmt: skip
    images = series("MR", OBLIQUE, **dict.fromkeys(removed))
    for path in (tmp_path / "one.dcm", tmp_path / "two.dcm"):
        write(path, scores(), images)
        assert dciodvfy(path) == []
    one, two = (pydicom.dcmread(tmp_path / name) for name in ("one.dcm", "two.dcm"))
    assert one.FrameOfReferenceUID == two.FrameOfReferenceUID
    assert not one.PatientName
    assert one.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SliceThickness == pytest.approx(4)


@WRITERS
def test_slices_that_count_their_one_frame_are_single_frames(
    tmp_path: Path, series: Callable[..., list[Dataset]], write: Write
) -> None:
    write(tmp_path / "result.dcm", scores(), series(NumberOfFrames=1))
    assert pydicom.dcmread(tmp_path / "result.dcm").NumberOfFrames == SLICES


@WRITERS
def test_which_eye_is_kept(
    tmp_path: Path, series: Callable[..., list[Dataset]], dciodvfy: Errors, write: Write
) -> None:
    write(tmp_path / "eye.dcm", scores(), series(BodyPartExamined="EYE", Laterality="L"))
    assert pydicom.dcmread(tmp_path / "eye.dcm").ImageLaterality == "L"
    assert dciodvfy(tmp_path / "eye.dcm") == []


@WRITERS
def test_names_stay_out_of_warnings_and_sources_stay_as_they_are(
    tmp_path: Path,
    series: Callable[..., list[Dataset]],
    enhanced_mr: Callable[..., Dataset],
    caplog: pytest.LogCaptureFixture,
    write: Write,
) -> None:
    # highdicom warns of a name in one part, and repeats it
    single = series(PatientName="Madonna", PatientSex="U", SliceThickness=None, FrameOfReferenceUID=None)
    multi = [enhanced_mr()]
    before = [str(image) for image in single + multi]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write(tmp_path / "single.dcm", scores(), single)
        write(tmp_path / "multi.dcm", scores(), multi)
    assert not [warning for warning in caught if "Madonna" in str(warning.message)]
    assert "Madonna" not in caplog.text
    assert [str(image) for image in single + multi] == before
    assert pydicom.dcmread(tmp_path / "single.dcm").PatientName == "Madonna"


@WRITERS
def test_directions_that_differ_by_rounding_are_one_direction(
    tmp_path: Path, series: Callable[..., list[Dataset]], write: Write
) -> None:
    images = series("CT", OBLIQUE)
    images[1].ImageOrientationPatient = [float(cosine) + 1e-6 for cosine in images[1].ImageOrientationPatient]
    write(tmp_path / "result.dcm", scores(), images)
    assert (tmp_path / "result.dcm").exists()


@WRITERS
def test_what_cannot_be_placed_is_refused(
    tmp_path: Path, series: Callable[..., list[Dataset]], enhanced_mr: Callable[..., Dataset], write: Write
) -> None:
    path, images, multi = tmp_path / "out" / "result.dcm", series(), enhanced_mr()
    with pytest.raises(ValueError, match=r"\(9, 12, 5\).*\(12, 9, 5\)"):
        write(path, scores((ROWS, COLUMNS, SLICES)), images)
    with pytest.raises(ValueError, match=r"\(12, 9, 5\).*\(12, 9, 4\)"):
        write(path, scores(), images[:4])
    with pytest.raises(ValueError, match="no source image"):
        write(path, scores(), [])
    with pytest.raises(ValueError, match="more than one series"):
        write(path, scores(), images[:2] + series()[2:])
    with pytest.raises(ValueError, match="do not say where"):
        write(path, scores(), series(ImagePositionPatient=None))
    with pytest.raises(ValueError, match="one frame each"):
        write(path, scores(), images, frame_numbers=[1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match="Expected one"):
        write(path, scores(), [multi, multi])
    with pytest.raises(ValueError, match="no frame 0: the source image has frames 1 to 5"):
        write(path, scores(), [multi], frame_numbers=[0, 1, 2, 3, 6])
    del multi.PerFrameFunctionalGroupsSequence
    with pytest.raises(ValueError, match="do not say where"):
        write(path, scores(), [multi])
    images[0].ImageOrientationPatient = [0, 1, 0, 1, 0, 0]
    with pytest.raises(ValueError, match="not parallel"):
        write(path, scores(), images)
    assert not path.parent.exists()


def test_scores_must_be_finite_and_masks_boolean(tmp_path: Path, series: Callable[..., list[Dataset]]) -> None:
    with pytest.raises(ValueError, match="NaN or infinite"):
        write_parametric_map(tmp_path / "out" / "map.dcm", np.full((COLUMNS, ROWS, SLICES), np.nan, np.float32), [])
    with pytest.raises(TypeError, match="float32"):
        write_segmentation(tmp_path / "out" / "mask.dcm", scores(), series())
    assert not (tmp_path / "out").exists()


def test_a_real_ct_series(outside: Callable[[str], Path], tmp_path: Path, dciodvfy: Errors) -> None:
    series = outside("data/volumes/liver_ct_dicom/series")
    images = [pydicom.dcmread(path, stop_before_pixels=True) for path in series.iterdir()]
    images.sort(key=lambda image: float(image.ImagePositionPatient[2]))
    shape = (images[0].Columns, images[0].Rows, len(images))
    volume = np.zeros(shape, np.float32)
    volume[100, 200, 3] = 1
    write_parametric_map(tmp_path / "map.dcm", volume, images)
    write_segmentation(tmp_path / "mask.dcm", volume > 0.5, images)
    spacing = images[0].PixelSpacing
    place = np.add(images[3].ImagePositionPatient, (100 * spacing[1], 200 * spacing[0], 0))[None]
    for name in ("map.dcm", "mask.dcm"):
        assert values_at(tmp_path / name, place) == 1
        assert dciodvfy(tmp_path / name) == []
