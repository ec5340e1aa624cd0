"""What a viewer gets from the server is what the package gives in Python."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from monai_sar.inferers import ScanPredictor
from tests.conftest import BUNDLE, head, save_nifti
from tests.label.conftest import MODEL, REASON, LabelServer

pytest.importorskip("monailabel", reason=REASON)
pytestmark = pytest.mark.label


@pytest.fixture(scope="module")
def server(start_server: Callable[..., LabelServer], studies: Path, calibrated: Path) -> LabelServer:
    conf = {"bundles": BUNDLE.parent, "models": f"{MODEL},liver_ct_anomaly", f"{MODEL}.ckpt_path": calibrated}
    return start_server(studies, conf)


def infer(server: LabelServer, study: str = "head_0", model: str = MODEL, **params: Any) -> tuple[Path, dict[str, Any]]:
    file, answer = server.client.infer(model, study, params)
    return Path(file), answer


def refused(server: LabelServer, study: str = "head_0", model: str = MODEL, **params: Any) -> str:
    from monailabel.client.client import MONAILabelClientException

    with pytest.raises(MONAILabelClientException) as error:
        server.client.infer(model, study, params)
    return str(error.value.msg)


def test_only_models_with_a_checkpoint_are_offered(server: LabelServer) -> None:
    info = server.client.info()
    assert list(info["models"]) == [MODEL]
    assert set(info["trainers"]) == {MODEL, "liver_ct_anomaly"}
    assert info["labels"] == ["anomaly"]


def test_the_label_is_the_mask_at_the_calibrated_rate(
    server: LabelServer, studies: Path, calibrated_predictor: ScanPredictor
) -> None:
    scan = studies / "head_0.nii.gz"
    expected = calibrated_predictor(scan)
    file, answer = infer(server)
    label, mask = nib.load(file), expected.mask
    assert mask is not None
    assert label.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(label.dataobj, mask[0].numpy())
    np.testing.assert_array_equal(label.affine, nib.load(scan).affine)
    assert answer["flagged_voxels"] == int(mask.sum())
    assert answer["label_names"] == {"anomaly": 1}
    assert calibrated_predictor.network.calibration is not None
    assert answer["threshold"] == calibrated_predictor.network.calibration.pixel_threshold(0.05)
    assert answer["false_positive_rate"] == 0.05
    assert answer["score"] == pytest.approx(expected.score, rel=1e-6)
    assert answer["p_value"] == expected.p_value
    assert expected.input_check is not None
    assert (answer["input_check"], answer["input_check_note"]) == (expected.input_check.ok, expected.input_check_note)
    assert answer["slice_scores"][-1] is None  # it is empty
    assert answer["slice_scores"][:-1] == pytest.approx(list(expected.slice_scores[:-1]), rel=1e-6)


def test_the_map_comes_as_a_file_and_stays_in_the_datastore(
    server: LabelServer, studies: Path, calibrated_predictor: ScanPredictor
) -> None:
    expected = calibrated_predictor(studies / "head_1.nii.gz").anomaly_map[0].numpy()
    # viewers ask for integers of everything
    sent, answer = infer(server, "head_1", result="anomaly_map", result_dtype="uint8")
    kept = server.client.download_label(answer["anomaly_map"]["label"], answer["anomaly_map"]["tag"])
    for file in (sent, kept):
        image = nib.load(file)
        assert image.get_data_dtype() == np.float32
        np.testing.assert_allclose(image.dataobj, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(image.affine, nib.load(studies / "head_1.nii.gz").affine)


def test_no_map_is_kept_if_none_is_wanted(server: LabelServer, studies: Path) -> None:
    _, answer = infer(server, "head_3", save_map=False)
    assert answer["anomaly_map"] is None
    assert not (studies / "labels" / "anomaly_map" / "head_3.nii.gz").exists()


def test_the_threshold_is_an_option(server: LabelServer) -> None:
    scores = nib.load(infer(server, result="anomaly_map")[0]).get_fdata()
    threshold = float(np.median(scores[scores > 0]))
    _, answer = infer(server, threshold=str(threshold), false_positive_rate="")  # viewers send text
    expected = scores > threshold
    assert 0 < expected.sum() < expected.size
    assert (answer["threshold"], answer["false_positive_rate"]) == (threshold, None)
    assert answer["flagged_voxels"] == expected.sum()


def test_nrrd_as_slicer_and_ohif_ask_for_it(server: LabelServer) -> None:
    nrrd, _ = infer(server, result_extension=".nrrd", result_dtype="uint16")
    nifti, _ = infer(server)
    image, expected = sitk.ReadImage(str(nrrd)), sitk.ReadImage(str(nifti))
    assert image.GetPixelID() == sitk.sitkUInt16
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(image), sitk.GetArrayViewFromImage(expected))
    np.testing.assert_allclose(image.GetDirection(), expected.GetDirection(), atol=1e-6)
    np.testing.assert_allclose(image.GetOrigin(), expected.GetOrigin(), atol=1e-4)


def test_a_file_can_be_sent_instead_of_the_name_of_a_study(server: LabelServer, studies: Path) -> None:
    file, answer = server.client.infer(MODEL, "", {}, file=str(studies / "head_2.nii.gz"))
    np.testing.assert_array_equal(nib.load(file).dataobj, nib.load(infer(server, "head_2")[0]).dataobj)
    assert answer["anomaly_map"] is None  # it is not of the datastore


def test_a_scan_unlike_those_that_were_calibrated_on_is_told(
    server: LabelServer, studies: Path, tmp_path: Path
) -> None:
    scan = nib.load(studies / "head_2.nii.gz")
    coarse = nib.Nifti1Image(np.asarray(scan.dataobj), scan.affine @ np.diag([3.0, 3.0, 1.0, 1.0]))
    coarse.to_filename(tmp_path / "coarse.nii.gz")
    _, answer = server.client.infer(MODEL, "", {}, file=str(tmp_path / "coarse.nii.gz"))
    assert answer["input_check"] is False
    assert "spacing of rows" in answer["input_check_note"]
    assert answer["warnings"][0] == answer["input_check_note"]


def test_a_label_tagged_region_says_where_to_score(
    server: LabelServer, studies: Path, calibrated_predictor: ScanPredictor, tmp_path: Path
) -> None:
    inside = np.zeros(head().shape, np.uint8)
    inside[10:20, 10:20, :4] = 1
    region = save_nifti(tmp_path / "region.nii.gz", inside)
    server.client.save_label("head_3", str(region), tag="region", params={})
    file, answer = infer(server, "head_3", result="anomaly_map")
    expected = calibrated_predictor(studies / "head_3.nii.gz", region=region)
    assert answer["score"] == pytest.approx(expected.score, rel=1e-6)
    assert not nib.load(file).get_fdata()[inside == 0].any()


def test_two_requests_at_once_do_not_mix(server: LabelServer) -> None:
    one_by_one = [infer(server, study)[1]["score"] for study in ("head_0", "head_1")]
    with ThreadPoolExecutor(2) as pool:
        at_once = list(pool.map(lambda study: infer(server, study)[1]["score"], ("head_0", "head_1")))
    assert at_once == one_by_one
    assert at_once[0] != at_once[1]


def test_a_label_is_saved_where_the_request_says(server: LabelServer, studies: Path) -> None:
    _, answer = infer(server, "head_2", save_label=True, label_tag="original")
    saved = nib.load(studies / "labels" / "original" / "head_2.nii.gz")
    assert int(np.asarray(saved.dataobj).sum()) == answer["flagged_voxels"]


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        ({"study": "nobody"}, 404, ["no study 'nobody'"]),
        ({"model": "brain"}, 404, ["no model 'brain'", MODEL]),
        ({"study": "damaged"}, 422, ["damaged.nii.gz", "cannot be read as NIfTI"]),
        ({"model": "liver_ct_anomaly"}, 422, ["no checkpoint", "liver_ct_anomaly.ckpt_path"]),
        ({"threshold": "high"}, 422, ["threshold is 'high'", "a number"]),
        ({"threshold": "nan"}, 422, ["threshold is nan", "finite"]),
        ({"false_positive_rate": 0.001}, 422, ["0.1 %", "calibrated for 5 %"]),
        ({"result": "picture"}, 422, ["result is 'picture'", "anomaly_map"]),
        ({"result": "anomaly_map", "save_label": True}, 422, ["no label to save"]),
        ({"result_extension": ".xyz"}, 422, ["'.xyz'", ".nii.gz"]),
        ({"result_extension": "/../label.nii.gz"}, 422, ["expected one such as '.nii.gz'"]),
        ({"result_dtype": "bool"}, 422, ["result_dtype is 'bool'", "uint8"]),
    ],
)
def test_what_is_wrong_is_told(server: LabelServer, request_: dict[str, Any], status: int, words: list[str]) -> None:
    message = refused(server, **request_)
    assert f"Status: {status}" in message
    for word in words:
        assert word in message
    assert "Traceback" not in server.log.read_text()


def test_requests_leave_nothing_behind(server: LabelServer) -> None:
    # a file is removed when it has been sent, and all those before this one have been
    infer(server)
    infer(server, save_label=True)
    refused(server, "damaged")
    refused(server, result_extension=".xyz")
    server.client.info()
    assert list(server.temporary.glob("monai-sar-*")) == []


def test_names_of_studies_are_not_logged_by_default(server: LabelServer) -> None:
    infer(server, "head_2")
    assert "head_2" not in server.log.read_text()


def test_it_ends_when_asked_to(server: LabelServer) -> None:  # the last test of this server
    assert server.stop() in (0, -15)
    assert "Traceback" not in server.log.read_text()
