"""The liver bundle: a volume is seen as the slices it was trained on, and is scored in the liver alone."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from PIL import Image
from typer.testing import CliRunner

from monai_sar.cli import app
from monai_sar.inferers import ScanPredictor
from monai_sar.phantoms import DOMAINS, LiverLesionKind, LiverPhantom, make_liver_phantom, write_phantoms
from monai_sar.prepare.liver_cutout import cut_out_liver
from monai_sar.results import AnomalyResult
from tests.bundles.conftest import ROOT, TINY, run_bundle, run_config, untrained_checkpoint

BUNDLE = ROOT / "bundles" / "liver_ct_anomaly"
SUBJECT = 9500


@pytest.fixture(scope="module")
def phantom() -> LiverPhantom:
    return make_liver_phantom(0, SUBJECT, LiverLesionKind.METASTASIS)


@pytest.fixture(scope="module")
def scans(phantom: LiverPhantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``phantom_9500_ct`` (a DICOM series), ``phantom_9500_liver.nii.gz``, ``phantom_9500_lesion.nii.gz``."""
    folder = tmp_path_factory.mktemp("dicom")
    DOMAINS["liver_ct"].write_volume(phantom, folder, SUBJECT)
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_checkpoint(BUNDLE, tmp_path_factory.mktemp("models") / "model.pt")


@pytest.fixture(scope="module")
def predictor(checkpoint: Path) -> ScanPredictor:
    return ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint, image_suffix="_ct", lesion_suffix="_lesion.nii.gz")


@pytest.fixture(scope="module")
def result(predictor: ScanPredictor, scans: Path) -> AnomalyResult:
    return predictor(scans / "phantom_9500_ct", region=scans / "phantom_9500_liver.nii.gz")


@pytest.mark.parametrize("equalize", [False, True])
def test_a_slice_of_a_volume_is_the_slice_of_the_training_set(
    equalize: bool, phantom: LiverPhantom, scans: Path, tmp_path: Path
) -> None:
    """From DICOM in HU, and from a cut-out as `monai-sar prepare` writes it, the network gets the same image."""
    hounsfield = torch.from_numpy(phantom.image.round())[None]  # as the scanner stores them
    pixels = cut_out_liver(hounsfield, phantom.liver, window=(-125, 275), equalize=equalize)

    def parsed(name: str) -> Any:
        parser = ConfigParser()
        parser.read_config(str(BUNDLE / "configs" / name))
        parser.update({"equalize": equalize})
        return parser.get_parsed_content("preprocessing")

    scan = {"image": str(scans / "phantom_9500_ct"), "region": str(scans / "phantom_9500_liver.nii.gz")}
    volume = parsed("inference.yaml")(scan)["image"][0]
    train = parsed("train.yaml")
    shown = np.flatnonzero(phantom.liver.any(axis=(0, 1)))
    assert len(shown) > 5
    for z in shown:
        path = tmp_path / f"{z:02}.png"
        Image.fromarray((pixels[..., z] * 65535).round().astype(np.uint16)).save(path)
        image = train({"image": str(path)})["image"][0, ..., 0]
        np.testing.assert_allclose(volume[..., z].numpy(), image.numpy(), atol=1 / 65535)


def test_only_the_liver_is_scored(result: AnomalyResult, phantom: LiverPhantom) -> None:
    liver = torch.from_numpy(phantom.liver)
    shown = result.display.anomaly_map.as_tensor()[0]
    assert torch.equal(result.display.region[0], liver)
    assert not shown[~liver].any()
    assert (shown[liver] > 0).float().mean() > 0.99
    highest = shown[liver].sort(descending=True).values[: max(1, round(0.01 * int(liver.sum())))]
    assert result.score == pytest.approx(float(highest.mean()), rel=1e-4)
    with_liver = liver.any(dim=0).any(dim=0).tolist()
    assert all(inside for inside, score in zip(with_liver, result.slice_scores, strict=True) if score is not None)


def test_the_map_lies_on_the_scan_and_the_mask_of_the_liver(result: AnomalyResult, scans: Path) -> None:
    mask: Any = nib.load(scans / "phantom_9500_liver.nii.gz")
    assert result.anomaly_map.shape[1:] == mask.shape
    np.testing.assert_allclose(result.anomaly_map.affine, mask.affine, atol=1e-4)
    np.testing.assert_array_equal(result.anomaly_map[0].numpy() != 0, np.asarray(mask.dataobj) != 0)


def test_the_picture_shows_what_lies_around(result: AnomalyResult, phantom: LiverPhantom) -> None:
    around = result.display.image.as_tensor()[0][torch.from_numpy(~phantom.liver)]
    assert (around > 0.2).float().mean() > 0.1


def test_without_a_mask_the_body_is_scored_and_that_is_told(
    predictor: ScanPredictor, scans: Path, phantom: LiverPhantom
) -> None:
    whole = predictor(scans / "phantom_9500_ct")
    region = whole.display.region[0].numpy()
    assert region[phantom.liver].all()
    assert region.sum() > 3 * phantom.liver.sum()
    assert not region[phantom.image < -990].any() or region[phantom.image < -990].mean() < 0.05
    assert any("no mask of the liver" in note for note in whole.anomaly_map.meta["notes"])


def test_the_command_takes_the_mask_and_does_not_take_one_region_for_another(
    checkpoint: Path, scans: Path, tmp_path: Path
) -> None:
    def predict(*more: str) -> tuple[int, str]:
        command = ["predict", str(scans / "phantom_9500_ct"), f"--bundle={BUNDLE}", f"--checkpoint={checkpoint}"]
        done = CliRunner().invoke(app, [*command, f"--output={tmp_path}", *more])
        return done.exit_code, done.output

    def report() -> dict[str, Any]:
        (path,) = tmp_path.glob("*_report.json")
        read: dict[str, Any] = json.loads(path.read_text())
        return read

    suffixes = ("--image-suffix=_ct", "--region-suffix=_liver.nii.gz")
    assert predict(*suffixes)[0] == 0
    with_mask = report()
    assert "there already" in predict(*suffixes)[1]
    code, told = predict()
    assert code == 0
    assert ": done" in told
    assert report()["region"]["voxels"] > with_mask["region"]["voxels"]
    assert any("no mask of the liver" in warning for warning in report()["warnings"])
    assert predict(f"--region={scans / 'phantom_9500_liver.nii.gz'}")[0] == 0
    assert report()["region"] == with_mask["region"]
    code, told = predict(f"--region={scans / 'absent.nii.gz'}")
    assert code == 1
    assert "absent.nii.gz" in told


def test_a_mask_of_another_scan_is_refused(predictor: ScanPredictor, scans: Path, tmp_path: Path) -> None:
    mask: Any = nib.load(scans / "phantom_9500_liver.nii.gz")
    moved = mask.affine.copy()
    moved[2, 3] += 10
    nib.save(nib.nifti1.Nifti1Image(np.asarray(mask.dataobj), moved), tmp_path / "moved.nii.gz")
    with pytest.raises(ValueError, match=r"moved\.nii\.gz: lies up to 10 mm beside"):
        predictor(scans / "phantom_9500_ct", region=tmp_path / "moved.nii.gz")


def test_training_evaluation_and_inference_run(scans: Path, tmp_path: Path) -> None:
    """On phantoms as `monai-sar phantoms liver_ct` writes them; inference as a process, as the README says."""
    none = dict.fromkeys(("volumes_normal", "volumes_abnormal"), 0)
    few = {"train": 2, "valid_normal": 1, "valid_abnormal": 1, "test_normal": 1, "test_abnormal": 1}
    write_phantoms(DOMAINS["liver_ct"], tmp_path / "phantoms", slices_per_subject=3, **few, **none)
    files = [BUNDLE / "configs" / name for name in ("train.yaml", "evaluate.yaml")]
    paths = {"ckpt_dir": str(tmp_path), "feature_dir": str(tmp_path / "f"), "output_dir": str(tmp_path / "out")}
    settings = TINY | paths | {"dataset_dir": str(tmp_path / "phantoms" / "bmad"), "max_epochs": 2, "batch_size": 4}
    run_config(files[:1], "train", **settings)
    run_config(files, "train", **settings)
    metrics = json.loads((tmp_path / "out" / "metrics_test.json").read_text())["metrics"]
    assert {"pixel_auroc", "pixel_aupro", "region_pixel_auroc", "region_darkness_pixel_auroc"} <= metrics.keys()
    # black around the liver is darker than any tumour: easy where all counts, of no use inside
    assert metrics["brightness_pixel_auroc"] > 0.85
    assert metrics["region_darkness_pixel_auroc"] == pytest.approx(1 - metrics["region_brightness_pixel_auroc"])

    done = run_bundle(
        "run",
        "inference",
        "--config_file=configs/inference.yaml",
        cwd=BUNDLE,
        dataset_dir=scans,
        ckpt_path=tmp_path / "model.pt",
        output_dir=tmp_path / "maps",
        image_suffix="_ct",
        lesion_suffix="_lesion.nii.gz",
        region_suffix="_liver.nii.gz",
        **TINY,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (report,) = (tmp_path / "maps").glob("*_report.json")
    assert json.loads(report.read_text())["warnings"] == []
    assert {path.name.split("_")[-1] for path in (tmp_path / "maps").iterdir()} == {
        "anomaly.nii.gz",
        "anomaly.dcm",
        "overlay.png",
        "report.json",
    }
