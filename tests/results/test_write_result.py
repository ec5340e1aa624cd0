"""What is written for a scan: files that other programs place where the scan is, and a report that names nobody."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK
import yaml
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset

from monai_sar.inferers import ScanPredictor
from monai_sar.results.write_result import file_result_name, find_report, result_name, write_result
from tests.calibration.conftest import a_calibration, calibrated_checkpoint
from tests.conftest import BUNDLE, OBLIQUE, head, one_study, save_nifti
from tests.results.saved_report import save, without_threshold

Write = Callable[..., NDArray[np.int64]]


# --- NIfTI ---


@pytest.mark.parametrize("codes", [(1, 2), (0, 1), (4, 0)])
def test_every_reader_places_map_and_mask_on_the_scan(
    codes: tuple[int, int], predictor: ScanPredictor, tmp_path: Path
) -> None:
    path = save_nifti(tmp_path / "head.nii.gz", codes=codes)
    result = predictor(path)
    report = save(result, tmp_path / "out")
    scan: Any = nib.load(path)
    scan_itk = SimpleITK.ReadImage(str(path))
    for output, dtype in (("anomaly_map", np.float32), ("mask", np.uint8)):
        written = tmp_path / "out" / report["outputs"][output]
        image: Any = nib.load(written)
        assert image.shape == scan.shape
        assert image.get_data_dtype() == dtype
        np.testing.assert_array_equal(image.affine, scan.affine)
        assert [int(image.header[f"{form}_code"]) for form in ("qform", "sform")] == list(codes)
        image_itk = SimpleITK.ReadImage(str(written))
        for place in ("GetSize", "GetOrigin", "GetSpacing", "GetDirection"):
            assert getattr(image_itk, place)() == getattr(scan_itk, place)(), place
    assert result.mask is not None
    np.testing.assert_array_equal(nib.load(tmp_path / "out/head_anomaly.nii.gz").dataobj, result.anomaly_map[0])
    np.testing.assert_array_equal(nib.load(tmp_path / "out/head_mask.nii.gz").dataobj, result.mask[0])
    assert 0 < report["mask"]["voxels"] == int(result.mask.sum()) < result.mask.numel()
    assert report["mask"]["volume_ml"] == pytest.approx(report["mask"]["voxels"] * 1.1 * 0.9 * 5.0 / 1000)


def test_without_a_threshold_there_is_no_mask(checkpoint: Path, tmp_path: Path) -> None:
    report = save(without_threshold(checkpoint)(save_nifti(tmp_path / "head.nii.gz")), tmp_path / "out")
    assert report["mask"] is None
    assert report["outputs"].keys() == {"anomaly_map", "overlay"}
    assert report["score"]["p_value"] is report["calibration"] is None


def test_the_report_says_what_is_promised(checkpoint: Path, tmp_path: Path) -> None:
    calibration = a_calibration([0.1, 0.2, 0.3, 9.0], (0.25, 0.5), pixel_thresholds=(1.1, 1.0))
    path = calibrated_checkpoint(checkpoint, tmp_path / "model.pt", calibration)
    scan = save_nifti(tmp_path / "head.nii.gz")
    report = save(without_threshold(path)(scan), tmp_path / "out")
    assert (report["mask"]["threshold"], report["mask"]["false_positive_rate"]) == (1.1, 0.25)
    assert report["score"]["p_value"] == 2 / 5
    assert report["calibration"] == {
        "unit": "patient",
        "units": 4,
        "kind": "volumes",
        "scans": 4,
        "patients_with_normal_scans": 4,
        "false_positive_rates": [0.25, 0.5],
        "data_sha256": "0" * 64,
    }

    by_hand = save(without_threshold(path, threshold=1.2)(scan), tmp_path / "out")
    assert (by_hand["mask"]["threshold"], by_hand["mask"]["false_positive_rate"]) == (1.2, None)
    assert by_hand["score"]["p_value"] == 2 / 5


def test_the_report_says_where_scan_and_slices_lie(predictor: ScanPredictor, tmp_path: Path) -> None:
    """The voxels from right to left, from anterior to posterior; the slices from superior to inferior."""
    stored = OBLIQUE @ [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 4], [0, 0, 0, 1]]
    path = save_nifti(tmp_path / "head.nii.gz", head().transpose(1, 0, 2)[..., ::-1], stored)
    report = save(predictor(path), tmp_path / "out")
    scan, display = report["scan"], report["display"]
    assert (scan["shape"], scan["orientation"], scan["slice_axis"]) == ([30, 34, 5], "LPI", 2)
    assert (display["shape"], display["orientation"]) == ([34, 30, 5], "PLS")
    assert scan["spacing_mm"] == pytest.approx([0.9, 1.1, 5.0])
    assert display["spacing_mm"] == pytest.approx([1.1, 0.9, 5.0])
    assert np.allclose(scan["affine"], stored, atol=1e-5)
    assert np.allclose(display["affine"], OBLIQUE, atol=1e-5)
    assert [score is None for score in report["score"]["slices"]] == [False] * 4 + [True]  # as displayed
    assert report["model"]["settings"] == predictor.network.settings


@pytest.mark.parametrize(("unit", "millimetres"), [("meter", 1000.0), ("micron", 0.001)])
def test_a_scan_in_other_units_gets_a_map_in_millimetres(
    unit: str, millimetres: float, predictor: ScanPredictor, tmp_path: Path
) -> None:
    affine = OBLIQUE.copy()
    affine[:3] /= millimetres
    save(predictor(save_nifti(tmp_path / "head.nii.gz", affine=affine, unit=unit)), tmp_path / "out")
    image: Any = nib.load(tmp_path / "out" / "head_anomaly.nii.gz")
    assert image.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(image.affine, OBLIQUE, rtol=1e-5, atol=1e-4)


def test_a_nifti_of_two_axes_is_a_slice(predictor: ScanPredictor, tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "slice.nii", head()[..., 0])
    save(predictor(path), tmp_path / "out")
    image = nib.load(tmp_path / "out" / "slice_anomaly.nii.gz")
    assert image.shape[:2] == nib.load(path).shape
    np.testing.assert_allclose(image.affine, nib.load(path).affine, atol=1e-5)


# --- DICOM ---


def _frames(path: Path) -> Iterator[tuple[NDArray[Any], Dataset, Dataset]]:
    """Of every frame of a derived object: its pixels ``[columns, rows]``, its groups, what it was computed from."""
    derived = hd.imread(path)
    pixels = derived.get_frames(apply_real_world_transform=False)
    for own, group in zip(pixels, derived.PerFrameFunctionalGroupsSequence, strict=True):
        yield own.T, group, group.DerivationImageSequence[0].SourceImageSequence[0]


def test_parametric_map_and_segmentation_of_a_series(
    predictor: ScanPredictor, write_series: Write, tmp_path: Path
) -> None:
    write_series(tmp_path / "series", modality="MR", shape=(4, 20, 24), edit=one_study())
    result = predictor(tmp_path / "series")
    report = save(result, tmp_path / "out")
    scan = sorted(map(pydicom.dcmread, (tmp_path / "series").iterdir()), key=lambda ds: ds.ImagePositionPatient[2])
    instances = [ds.SOPInstanceUID for ds in scan]
    assert result.mask is not None
    for output, expected in (("parametric_map", result.anomaly_map), ("segmentation", result.mask)):
        path = tmp_path / "out" / report["outputs"][output]
        derived = pydicom.dcmread(path)
        assert derived.StudyInstanceUID == scan[0].StudyInstanceUID
        assert derived.FrameOfReferenceUID == scan[0].FrameOfReferenceUID
        assert str(derived.PatientName) == "SECRET^NAME"  # for the PACS it is the same patient
        seen = set()
        for pixels, group, source in _frames(path):
            index = instances.index(source.ReferencedSOPInstanceUID)
            np.testing.assert_array_equal(pixels, expected[0, ..., index])
            position = group.PlanePositionSequence[0].ImagePositionPatient
            assert position == scan[index].ImagePositionPatient
            seen.add(index)
        assert seen == {0, 1, 2, 3}


def test_parametric_map_and_segmentation_of_an_enhanced_mr(
    predictor: ScanPredictor, write_multi_frame: Write, tmp_path: Path
) -> None:
    write_multi_frame(tmp_path / "in" / "IM0", shape=(4, 20, 24))
    result = predictor(tmp_path / "in" / "IM0")
    report = save(result, tmp_path / "out")
    scan = pydicom.dcmread(tmp_path / "in" / "IM0")
    assert result.mask is not None
    for output, expected in (("parametric_map", result.anomaly_map), ("segmentation", result.mask)):
        seen = set()
        for pixels, _, source in _frames(tmp_path / "out" / report["outputs"][output]):
            assert source.ReferencedSOPInstanceUID == scan.SOPInstanceUID
            number = int(source.ReferencedFrameNumber)
            np.testing.assert_array_equal(pixels, expected[0, ..., 4 - number])  # the first frame lies last
            seen.add(number)
        assert seen == {1, 2, 3, 4}
    assert any("RescaleSlope varies" in warning for warning in report["warnings"])


def test_parametric_map_and_segmentation_of_a_concatenation(
    predictor: ScanPredictor, write_multi_frame: Write, tmp_path: Path
) -> None:
    series, frame_of_reference = pydicom.uid.generate_uid(), pydicom.uid.generate_uid()
    for number in (1, 2):

        def divide(ds: FileDataset, index: int, number: int = number) -> None:
            ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.FrameOfReferenceUID = series, series, frame_of_reference
            ds.ConcatenationUID, ds.InConcatenationNumber, ds.InConcatenationTotalNumber = "1.2.3", number, 2
            for group in ds.PerFrameFunctionalGroupsSequence if number == 2 else ():
                position = group.PlanePositionSequence[0]
                position.ImagePositionPatient = [
                    *position.ImagePositionPatient[:2],
                    position.ImagePositionPatient[2] + 8,
                ]

        write_multi_frame(
            tmp_path / "in" / f"part{number}", shape=(4, 20, 24), orientation=(1, 0, 0, 0, 1, 0), edit=divide
        )
    result = predictor(tmp_path / "in")
    report = save(result, tmp_path / "out")
    parts = {ds.SOPInstanceUID: ds for ds in map(pydicom.dcmread, sorted((tmp_path / "in").iterdir()))}
    starts = dict(zip(parts, (0, 4), strict=True))
    assert result.mask is not None
    for output, expected in (("parametric_map", result.anomaly_map), ("segmentation", result.mask)):
        seen = set()
        for pixels, group, source in _frames(tmp_path / "out" / report["outputs"][output]):
            number, part = int(source.ReferencedFrameNumber), parts[source.ReferencedSOPInstanceUID]
            place = part.PerFrameFunctionalGroupsSequence[number - 1].PlanePositionSequence[0]
            assert group.PlanePositionSequence[0].ImagePositionPatient == place.ImagePositionPatient
            index = starts[part.SOPInstanceUID] + 4 - number  # the first frame of a part lies last
            np.testing.assert_array_equal(pixels, expected[0, ..., index])
            seen.add(index)
        assert seen == set(range(8))


def _bare(path: Path) -> None:
    """Leave nothing before the data set: no preamble, no meta header."""
    content = path.read_bytes()
    path.write_bytes(content[content.index(b"\x08\0\x08\0CS") :])


def _malformed(path: Path) -> None:
    """A thickness with its unit, which DICOM does not allow."""
    path.write_bytes(path.read_bytes().replace(b"\x18\0\x50\0DS\x04\x003.0 ", b"\x18\0\x50\0DS\x04\x003 mm"))


@pytest.mark.parametrize("spoil", [_bare, _malformed])
def test_what_is_read_is_written_for_the_pacs(
    predictor: ScanPredictor, write_series: Write, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    write_series(tmp_path / "series", modality="MR", shape=(4, 20, 24), edit=one_study())
    for path in (tmp_path / "series").iterdir():
        before = path.read_bytes()
        spoil(path)
        assert path.read_bytes() != before
    report = save(predictor(tmp_path / "series"), tmp_path / "out")
    assert report["outputs"].keys() == {"anomaly_map", "mask", "overlay", "parametric_map", "segmentation"}


def test_a_big_endian_series_is_written_for_the_pacs(
    predictor: ScanPredictor, write_series: Write, tmp_path: Path
) -> None:
    syntax = pydicom.uid.ExplicitVRBigEndian
    write_series(tmp_path / "series", modality="MR", shape=(4, 20, 24), edit=one_study(), syntax=syntax)
    report = save(predictor(tmp_path / "series"), tmp_path / "out")
    assert {"parametric_map", "segmentation"} <= report["outputs"].keys()


def test_slices_of_different_studies_give_a_map_but_nothing_for_the_pacs(
    predictor: ScanPredictor, write_series: Write, tmp_path: Path
) -> None:
    """As some anonymisers leave them. An object that joins them would be a lie; the map itself is sound."""
    write_series(tmp_path / "series", modality="MR", shape=(4, 20, 24))
    report = save(predictor(tmp_path / "series"), tmp_path / "out")
    assert report["outputs"].keys() == {"anomaly_map", "mask", "overlay"}
    assert [text for text in report["warnings"] if text.startswith("no DICOM objects could be written")]


def test_a_tomography_without_positions_gives_a_map_but_nothing_for_the_pacs(
    checkpoint: Path, write_multi_frame: Write, tmp_path: Path
) -> None:
    def edit(ds: FileDataset, index: int) -> None:
        ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = "0.2"
        for frame in ds.PerFrameFunctionalGroupsSequence:
            del frame.PlanePositionSequence

    write_multi_frame(tmp_path / "in" / "IM0", modality="OPT", shape=(4, 20, 24), edit=edit)
    config = yaml.safe_load((BUNDLE / "configs" / "inference.yaml").read_text())
    config["preprocessing"]["transforms"][0]["modality"] = "OPT"
    (tmp_path / "bundle" / "configs").mkdir(parents=True)
    (tmp_path / "bundle" / "configs" / "inference.yaml").write_text(yaml.safe_dump(config))
    predictor = ScanPredictor.from_bundle(tmp_path / "bundle", ckpt_path=checkpoint)
    report = save(predictor(tmp_path / "in" / "IM0"), tmp_path / "out")
    assert "parametric_map" not in report["outputs"]
    assert [text for text in report["warnings"] if "do not say where their slices lie" in text]


# --- names and privacy ---


def test_nothing_but_the_dicom_objects_names_the_patient(
    predictor: ScanPredictor, write_series: Write, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    series, out = tmp_path / "SECRET NAME" / "SECRET", tmp_path / "out"
    write_series(series, modality="MR", shape=(4, 20, 24), edit=one_study())
    write_series(series, modality="MR", shape=(1, 20, 24), number=2)  # a scout: left out, with a note
    report = save(predictor(series), out)
    assert "left out: series 2: MR, 1 slice(s) of 24 x 20" in report["warnings"]
    instances = [pydicom.dcmread(path) for path in series.iterdir()]
    identifiers = {"SECRET", "19441231", str(tmp_path)} | {
        str(ds[keyword].value)
        for ds in instances
        for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
    }
    printed = "".join(capfd.readouterr())
    for file in out.iterdir():
        content = b"" if file.suffix == ".dcm" else file.read_bytes()
        content = gzip.decompress(content) if file.suffix == ".gz" else content
        for identifier in identifiers:
            assert identifier.encode() not in content, file.name
            assert identifier not in file.name
            assert identifier not in printed
    assert b"SECRET" in next(out.glob("*_anomaly.dcm")).read_bytes()  # what is searched for can be found


def test_a_description_in_a_nifti_header_is_not_passed_on(predictor: ScanPredictor, tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "head.nii.gz")
    assert b"SECRET" in gzip.decompress(path.read_bytes())
    save(predictor(path), tmp_path / "out")
    for file in (tmp_path / "out").glob("*.nii.gz"):
        assert b"SECRET" not in gzip.decompress(file.read_bytes())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/scan.nii.gz", "scan"),
        ("a/scan.nii", "scan"),
        ("SCAN.NII.GZ", "SCAN"),
        ("sub-01_flair.v2.nii.gz", "sub-01_flair.v2"),
        ("scan.png", "scan.png"),
        ("a/stack/", "stack"),
        ("a/b/..", "a"),
    ],
)
def test_a_scan_with_a_name_keeps_it(path: str, name: str) -> None:
    assert file_result_name(path) == name


def test_a_stack_in_the_working_folder_is_called_by_the_folder(
    predictor: ScanPredictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray((head()[..., 0] // 2).clip(0, 255).astype(np.uint8)).save(tmp_path / "1.png")
    monkeypatch.chdir(tmp_path)
    assert result_name(predictor(".").anomaly_map) == tmp_path.name


# --- what is there already ---


def test_an_older_result_leaves_nothing_behind(predictor: ScanPredictor, checkpoint: Path, tmp_path: Path) -> None:
    """A mask of yesterday's threshold beside today's map would be taken for today's."""
    path = save_nifti(tmp_path / "head.nii.gz")
    save(predictor(path), tmp_path / "out")
    assert (tmp_path / "out" / "head_mask.nii.gz").exists()
    save(without_threshold(checkpoint)(path), tmp_path / "out")  # compares report and files
    assert not (tmp_path / "out" / "head_mask.nii.gz").exists()


def test_a_report_never_stands_beside_files_that_it_does_not_describe(predictor: ScanPredictor, tmp_path: Path) -> None:
    """The picture cannot be written; the map was, and is not that of the older report."""
    path, out = save_nifti(tmp_path / "head.nii.gz"), tmp_path / "out"
    save(predictor(path), out)
    (out / "head_overlay.png").unlink()
    (out / "head_overlay.png").mkdir()
    with pytest.raises(OSError, match="head_overlay"):
        write_result(predictor(path), out)
    assert [file.name for file in out.iterdir()] == ["head_overlay.png"]  # nothing of the result stays


def test_a_result_is_never_put_beside_its_scan(predictor: ScanPredictor, write_series: Write, tmp_path: Path) -> None:
    """There `head_mask.nii.gz` is a name that others use too."""
    path = save_nifti(tmp_path / "scans" / "head.nii.gz")
    write_series(tmp_path / "series", modality="MR", shape=(4, 20, 24))
    for scan, folder in ((path, path.parent), (tmp_path / "series", tmp_path / "series")):
        before = sorted(folder.iterdir())
        with pytest.raises(ValueError, match="choose another folder"):
            write_result(predictor(scan), folder)
        assert sorted(folder.iterdir()) == before


def test_a_report_is_found_if_it_is_of_this_scan_made_in_this_way(
    predictor: ScanPredictor, checkpoint: Path, tmp_path: Path
) -> None:
    path, out = save_nifti(tmp_path / "head.nii.gz"), tmp_path / "out"
    scan, identity = predictor.prepare(path), predictor.identity
    assert find_report(scan, out, identity) is None
    report = write_result(predictor(path), out)
    assert find_report(scan, out, identity) == report

    others: list[dict[str, Any]] = [{"threshold": None}, {"threshold": 1.5}, {"amp": True}, {"checkpoint_sha256": "0"}]
    for other in [*others, {"false_positive_rate": 0.05}]:
        assert find_report(scan, out, identity | other) is None
    coronal = without_threshold(checkpoint, slice_axis="coronal")
    assert find_report(coronal.prepare(path), out, identity) is None
    save_nifti(path, head(seed=1))
    assert find_report(predictor.prepare(path), out, identity) is None

    (out / report["outputs"]["overlay"]).unlink()
    assert find_report(scan, out, identity) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"mask": null, "model": 1}', "null"])
def test_the_report_of_another_program_is_none(text: str, predictor: ScanPredictor, tmp_path: Path) -> None:
    scan = predictor.prepare(save_nifti(tmp_path / "head.nii.gz"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "head_report.json").write_text(text)
    assert find_report(scan, tmp_path / "out", predictor.identity) is None
