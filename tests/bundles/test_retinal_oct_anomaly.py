"""The OCT bundle: B-scans upright and at their own aspect, without their white margins, volumes in their geometry."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from PIL import Image

from monai_sar.inferers import ScanPredictor
from monai_sar.phantoms import DOMAINS, RetinaLesionKind, RetinaPhantom, make_retina_phantom, write_phantoms
from monai_sar.transforms import AlignmentMargins
from tests.bundles.conftest import ROOT, TINY, run_bundle, run_config, untrained_checkpoint

BUNDLE = ROOT / "bundles" / "retinal_oct_anomaly"
TINY_OCT = TINY | {"image_size": [32, 64], "smoothing": 0.5}  # 2 x 4 patches
TIFF_SPACING = [0.0156, 0.008, 0.24]  # mm, as the phantoms' README says


def with_margins(parity: int) -> tuple[int, RetinaPhantom]:
    """An abnormal subject whose B-scans were aligned; even ones are written as DICOM, odd ones as TIFF."""
    for subject in range(9500 + parity, 9600, 2):
        phantom = make_retina_phantom(0, subject, RetinaLesionKind.SUBRETINAL_FLUID)
        if (DOMAINS["retinal_oct"].slice_pixels(phantom) == 255).mean() > 0.01:
            return subject, phantom
    raise AssertionError("no phantom has margins")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_checkpoint(BUNDLE, tmp_path_factory.mktemp("models") / "model.pt", image_size=[32, 64])


def preprocessing(name: str, **settings: Any) -> Any:
    parser = ConfigParser()
    parser.read_config(str(BUNDLE / "configs" / name))
    parser.update(settings)
    return parser.get_parsed_content("preprocessing")


@pytest.mark.parametrize("kind", ["dicom", "tiff"])
def test_a_volume_is_mapped_upright_in_its_own_geometry_without_margins(
    kind: str, checkpoint: Path, tmp_path: Path
) -> None:
    subject, phantom = with_margins(0 if kind == "dicom" else 1)
    DOMAINS["retinal_oct"].write_volume(phantom, tmp_path, subject)
    name = f"phantom_{subject}_oct" + (".dcm" if kind == "dicom" else "")
    spacing = None if kind == "dicom" else TIFF_SPACING
    predictor = ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint, spacing=spacing)
    result = predictor(tmp_path / name)

    # as displayed: depth along the rows, vitreous body on top
    assert result.display.image.shape[1:] == phantom.image.shape
    margins = AlignmentMargins()(torch.from_numpy(phantom.image)[None])
    assert 0.005 < margins.float().mean() < 0.3
    assert torch.equal(result.display.region, ~margins)
    seen = result.display.image.as_tensor()[~margins].numpy()
    assert np.corrcoef(seen, phantom.image[~margins[0].numpy()])[0, 1] > 0.99
    assert not result.display.anomaly_map.as_tensor()[margins].any()

    rows, columns, between = phantom.spacing
    np.testing.assert_allclose(result.anomaly_map.pixdim, (columns, rows, between), rtol=1e-3)
    stored = result.anomaly_map[0].numpy()
    np.testing.assert_array_equal(stored.transpose(1, 0, 2), result.display.anomaly_map[0].numpy())


def test_a_vertical_scan_is_as_upright_as_a_horizontal_one() -> None:
    """The axis runs as stored: rows are the depth, wherever they point in the patient."""
    parser = ConfigParser()
    parser.read_config(str(BUNDLE / "configs" / "inference.yaml"))
    assert parser["slice_axis"] == "as_stored"


def test_margins_do_not_change_how_bright_the_rest_is(tmp_path: Path) -> None:
    _, phantom = with_margins(0)
    pixels = DOMAINS["retinal_oct"].slice_pixels(phantom)
    margins = AlignmentMargins()(torch.from_numpy(pixels.astype(np.float32))[None])[0].numpy()
    z = int(margins.sum(axis=(0, 1)).argmax())
    with_white, without = tmp_path / "white.png", tmp_path / "dark.png"
    Image.fromarray(pixels[..., z]).save(with_white)
    dark = np.where(margins[..., z], np.median(pixels[..., z][~margins[..., z]]), pixels[..., z]).astype(np.uint8)
    Image.fromarray(dark).save(without)
    train = preprocessing("train.yaml")
    items = [train({"image": str(path)}) for path in (with_white, without)]
    np.testing.assert_allclose(items[0]["image"].numpy(), items[1]["image"].numpy(), atol=1e-5)
    assert items[0]["region"].sum() < items[1]["region"].sum()
    # beside it: what the margins would do to an image that is scaled by its stored range
    assert items[0]["image"].max() == 1


def test_despeckling_stays_within_a_b_scan(tmp_path: Path) -> None:
    """In training a slice is filtered, in inference a volume: the same pixels must come out."""
    phantom = make_retina_phantom(0, 9000)
    DOMAINS["retinal_oct"].write_volume(phantom, tmp_path, 9000)
    stretch = {"low_percentile": 0, "high_percentile": 100}
    plain, smooth = (
        preprocessing("inference.yaml", despeckle=radius, **stretch)({"image": str(tmp_path / "phantom_9000_oct.dcm")})
        for radius in (0, 1)
    )
    train = preprocessing("train.yaml", despeckle=1, **stretch)
    Image.fromarray(DOMAINS["retinal_oct"].slice_pixels(phantom)[..., 5]).save(tmp_path / "slice.png")
    one = train({"image": str(tmp_path / "slice.png")})["image"][0, ..., 0].numpy()
    assert smooth["image"].std() < plain["image"].std()
    of_volume = smooth["image"][0, ..., 5].numpy()
    # scaled by the slice's own range and by the volume's: equal up to that
    slope, offset = np.polyfit(of_volume.ravel(), one.ravel(), 1)
    np.testing.assert_allclose(of_volume * slope + offset, one, atol=1e-3)


def test_b_scans_are_not_squashed(checkpoint: Path) -> None:
    predictor = ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint)
    assert predictor.network.embed(torch.rand(1, 1, 96, 192)).shape[-2:] == (2, 4)
    parser = ConfigParser()
    parser.read_config(str(BUNDLE / "configs" / "train.yaml"))
    height, width = parser["image_size"]
    assert width == 2 * height  # RESC: 512 x 1024


def test_training_evaluation_and_inference_run(tmp_path: Path) -> None:
    none = dict.fromkeys(("volumes_normal",), 0)
    few = {"train": 2, "valid_normal": 1, "valid_abnormal": 1, "test_normal": 1, "test_abnormal": 1}
    write_phantoms(
        DOMAINS["retinal_oct"], tmp_path / "phantoms", slices_per_subject=4, volumes_abnormal=1, **few, **none
    )
    files = [BUNDLE / "configs" / name for name in ("train.yaml", "evaluate.yaml")]
    paths = {"ckpt_dir": str(tmp_path), "feature_dir": str(tmp_path / "f"), "output_dir": str(tmp_path / "out")}
    settings = TINY_OCT | paths | {"dataset_dir": str(tmp_path / "phantoms" / "bmad"), "max_epochs": 2, "batch_size": 4}
    run_config(files[:1], "train", **settings)
    run_config(files, "train", **settings)
    metrics = json.loads((tmp_path / "out" / "metrics_test.json").read_text())["metrics"]
    assert 0 < metrics["region_pixel_aupro"] < 1

    done = run_bundle(
        "run",
        "inference",
        "--config_file=configs/inference.yaml",
        cwd=BUNDLE,
        dataset_dir=tmp_path / "phantoms" / "oct" / "phantom_9500_oct.dcm",
        ckpt_path=tmp_path / "model.pt",
        output_dir=tmp_path / "maps",
        image_suffix="_oct.dcm",
        lesion_suffix="_lesion.nii.gz",
        **TINY_OCT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (report,) = (tmp_path / "maps").glob("*_report.json")
    assert json.loads(report.read_text())["scan"]["kind"] == "dicom"
