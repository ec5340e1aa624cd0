"""What a viewer gets from the server is what the package gives in Python."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import json
import tarfile
import time
import zipfile
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
requests = pytest.importorskip("requests", reason=REASON)
pytestmark = pytest.mark.label


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan that lies outside the studies."""
    return save_nifti(tmp_path_factory.mktemp("elsewhere") / "stranger.nii.gz", head(seed=9))


@pytest.fixture(scope="module")
def server(start_server: Callable[..., LabelServer], studies: Path, stranger: Path, calibrated: Path) -> LabelServer:
    """With symbolic links that lead out of the studies."""
    (studies / "link.nii.gz").symlink_to(stranger)
    (studies / "labels").mkdir()
    (studies / "labels" / "link").symlink_to(stranger.parent)
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


NO_STUDY, NO_TAG, LEADS_OUT = "is no name of a study", "is no name of a tag", "leads out of the folder of the studies"
INFER, IMAGE, LABEL = f"infer/{MODEL}", "datastore/image", "datastore/label"


@pytest.mark.parametrize(
    ("method", "path", "query", "options", "words"),
    [
        ("POST", INFER, {"image": "{stranger}"}, {}, NO_STUDY),
        ("POST", INFER, {"image": "../elsewhere0/stranger"}, {}, NO_STUDY),
        ("POST", INFER, {"image": "head_0"}, {"image": "{stranger}"}, NO_STUDY),
        ("POST", INFER, {"image": "head_0"}, {"image": ["head_0"]}, NO_STUDY),
        ("POST", INFER, {"image": "{temporary}/tmp12345678.nii.gz"}, {}, NO_STUDY),
        ("POST", INFER, {"image": "{temporary}/tmpabcdefgh.nii.gz"}, {}, NO_STUDY),
        ("POST", INFER, {"image": "{sessions}/0/head.nii.gz"}, {}, NO_STUDY),
        ("POST", INFER, {"image": "link"}, {}, LEADS_OUT),
        ("POST", INFER, {"image": "head_0"}, {"threshold": 1, "save_label": True, "label_tag": "../../stolen"}, NO_TAG),
        ("POST", INFER, {"session_id": "../../elsewhere0"}, {}, "is no name of a session"),
        ("PUT", IMAGE, {"image": "../stolen"}, {}, NO_STUDY),
        ("PUT", IMAGE, {"image": "..\\stolen"}, {}, NO_STUDY),
        ("PUT", IMAGE, {"image": "stolen\n"}, {}, NO_STUDY),
        ("PUT", IMAGE, {"image": "link"}, {}, LEADS_OUT),
        ("GET", IMAGE, {"image": "link"}, {}, LEADS_OUT),
        ("DELETE", IMAGE, {"id": "link"}, {}, LEADS_OUT),
        ("DELETE", IMAGE, {"id": "../elsewhere0/stranger"}, {}, NO_STUDY),
        ("PUT", LABEL, {"image": "head_0", "tag": "../../stolen"}, {}, NO_TAG),
        ("PUT", LABEL, {"image": "head_0", "tag": "link"}, {}, LEADS_OUT),
        ("PUT", LABEL, {"image": "../stolen", "tag": "final"}, {}, NO_STUDY),
        ("GET", LABEL, {"label": "../stranger", "tag": "final"}, {}, "is no name of a label"),
        ("GET", LABEL, {"label": "stranger", "tag": ".."}, {}, NO_TAG),
    ],
)
def test_names_are_not_paths(
    server: LabelServer,
    studies: Path,
    stranger: Path,
    method: str,
    path: str,
    query: dict[str, str],
    options: dict[str, Any],
    words: str,
) -> None:
    (server.temporary / "tmpabcdefgh.nii.gz").unlink(missing_ok=True)
    (server.temporary / "tmpabcdefgh.nii.gz").symlink_to(stranger)
    places = {"stranger": stranger, "temporary": server.temporary, "sessions": server.sessions}
    query, form = ({key: _filled(value, places) for key, value in each.items()} for each in (query, options))
    content = {key: ("scan.nii.gz", stranger.read_bytes()) for key in ("file", "label") if method == "PUT"}
    answer = requests.request(
        method,
        f"{server.url}/{path}",
        params=query,
        data={"params": json.dumps(form)} if method != "GET" else None,
        files=content or None,
        timeout=60,
    )
    assert (answer.status_code, words in answer.json()["detail"]) == (422, True)
    assert [each.name for each in stranger.parent.iterdir()] == [stranger.name]
    assert not list(studies.parent.rglob("stolen*"))
    assert "Traceback" not in server.log.read_text()


def _filled(value: Any, places: dict[str, Path]) -> Any:
    return value.format(**places) if isinstance(value, str) else value


def test_a_study_cannot_replace_the_list_of_studies(server: LabelServer, studies: Path) -> None:
    before = (studies / "datastore_v2.json").read_bytes()
    answer = requests.put(
        f"{server.url}/{IMAGE}", params={"image": "datastore_v2"}, files={"file": ("x.json", b"{}")}, timeout=60
    )
    assert (answer.status_code, "expected as one of *.nii.gz" in answer.json()["detail"]) == (422, True)
    assert (studies / "datastore_v2.json").read_bytes() == before


def test_all_studies_at_once_are_those_inside(server: LabelServer, studies: Path, stranger: Path) -> None:
    final = studies / "labels" / "final"
    (final / "head_0.nii.gz").symlink_to(stranger)
    server.client.save_label("head_1", str(stranger), tag="final", params={})
    for _ in range(100):  # the server watches the folder
        if server.client.datastore()["objects"]["head_0"]["labels"].get("final"):
            break
        time.sleep(0.1)
    answer = requests.get(f"{server.url}/datastore/dataset", timeout=60)
    assert (answer.status_code, LEADS_OUT in answer.json()["detail"]) == (422, True)
    (final / "head_0.nii.gz").unlink()


def test_a_session_holds_what_a_viewer_has_sent(server: LabelServer, studies: Path, tmp_path: Path) -> None:
    scan = studies / "head_2.nii.gz"
    session = server.client.create_session(str(scan))["session_id"]
    file, _ = server.client.infer(MODEL, "", {}, session_id=session)
    np.testing.assert_array_equal(nib.load(file).dataobj, nib.load(infer(server, "head_2")[0]).dataobj)

    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as archive:
        archive.write(scan, scan.name)
    with tarfile.open(tmp_path / "scan.tar", "w") as archive:
        archive.add(scan, "../../stolen")
    answers = [
        requests.put(
            f"{server.url}/session/?uncompress=true", files={"files": (path.name, path.read_bytes())}, timeout=60
        )
        for path in (tmp_path / "scan.zip", tmp_path / "scan.tar")
    ]
    assert [answer.status_code for answer in answers] == [200, 422]
    assert "expected as .zip, not '.tar'" in answers[1].json()["detail"]
    file, _ = server.client.infer(MODEL, "", {}, session_id=answers[0].json()["session_id"])
    assert nib.load(file).shape == head().shape
    assert not list(studies.parent.rglob("stolen*"))


def test_whole_slides_are_not_served(server: LabelServer, stranger: Path) -> None:
    answer = requests.post(f"{server.url}/infer/wsi_v2/{MODEL}", params={"image": str(stranger)}, timeout=60)
    assert (answer.status_code, "Whole slides are not served" in answer.json()["detail"]) == (404, True)


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
