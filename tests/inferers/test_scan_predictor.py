"""From a path to a map: any scan comes back in its own geometry, and what is wrong is said."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
import yaml
from monai.data import MetaTensor
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform
from numpy.typing import NDArray
from PIL import Image

from monai_sar._root_cause import root_cause
from monai_sar.inferers import ScanPredictor
from monai_sar.networks import mixed_precision
from monai_sar.networks.anomaly_detector import CheckpointError, CheckpointMismatchError
from monai_sar.networks.encoder_weights import EncoderWeightsError
from monai_sar.phantoms.brain_mri.subject import make_brain_phantom
from monai_sar.scans import ScanError
from monai_sar.settings import BundleError
from tests.conftest import BUNDLE, OBLIQUE, head, save_nifti

Write = Callable[..., NDArray[np.int64]]

PYTHON_PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "predict-from-python.md"

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def predict(predictor: ScanPredictor, path: Path) -> MetaTensor:
    """The map of a scan, after checks that hold for every map."""
    anomaly_map = predictor(path).anomaly_map
    assert anomaly_map.dtype == torch.float32
    assert anomaly_map.device.type == "cpu"
    assert torch.isfinite(anomaly_map.as_tensor()).all()
    assert anomaly_map.max() > 0
    return anomaly_map


def same(left: MetaTensor, right: MetaTensor) -> bool:
    """The same scores, bit for bit, at the same places."""
    return torch.equal(left.as_tensor(), right.as_tensor()) and np.allclose(left.affine, right.affine, atol=1e-4)


@pytest.mark.parametrize("axes", ["PLS", "RAS", "LPI", "SAR", "IRP"])
def test_a_map_lies_on_its_scan_however_the_scan_is_stored(predictor: ScanPredictor, axes: str, tmp_path: Path) -> None:
    """Oblique, anisotropic, its array axes swapped and flipped: the map is swapped and flipped with it."""
    upright = predict(predictor, save_nifti(tmp_path / "upright.nii.gz", head(), OBLIQUE))
    change = ornt_transform(io_orientation(OBLIQUE), axcodes2ornt(axes))
    affine = OBLIQUE @ inv_ornt_aff(change, head().shape)
    path = save_nifti(tmp_path / "stored.nii.gz", apply_orientation(head(), change), affine)

    stored = predict(predictor, path)
    assert tuple(stored.shape[1:]) == nib.load(path).shape
    np.testing.assert_array_equal(stored.affine, nib.load(path).affine)
    np.testing.assert_array_equal(stored[0].numpy(), apply_orientation(upright[0].numpy(), change))


def test_a_realistic_oblique_head(predictor: ScanPredictor, tmp_path: Path) -> None:
    phantom = make_brain_phantom(0, 1, None)
    result = predictor(save_nifti(tmp_path / "head.nii", phantom.image, phantom.affine))
    assert tuple(result.anomaly_map.shape) == (1, *phantom.image.shape)
    # stored as displayed, so nothing is swapped or flipped
    np.testing.assert_array_equal(result.anomaly_map, result.display.anomaly_map)
    assert result.score == pytest.approx(max(s for s in result.slice_scores if s is not None), rel=0.2)


def test_a_dicom_series_gives_the_map_of_the_same_voxels_in_nifti(
    predictor: ScanPredictor, write_series: Write, tmp_path: Path
) -> None:
    """Files without extensions, whose names do not give the order of the slices."""
    orientation, origin, spacing = (0.96, 0.28, 0.0, -0.224, 0.768, 0.6), (-40.0, 25.0, 110.0), (5.0, 1.0, 0.8)
    pixels = write_series(
        tmp_path / "series", modality="MR", shape=(4, 20, 24), spacing=spacing, orientation=orientation, origin=origin
    )
    assert not any(path.suffix for path in (tmp_path / "series").iterdir())
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    affine = np.eye(4)
    affine[:3] = np.column_stack(
        [row * spacing[2], column * spacing[1], np.cross(row, column) * spacing[0], np.array(origin)]
    )
    nifti = save_nifti(tmp_path / "same.nii", pixels.transpose(2, 1, 0).astype(np.int16), LPS @ affine)

    dicom = predict(predictor, tmp_path / "series")
    assert tuple(dicom.shape) == (1, 24, 20, 4)
    assert same(dicom, predict(predictor, nifti))


def test_an_enhanced_mr_gives_the_map_of_its_rescaled_frames_in_order(
    predictor: ScanPredictor, write_multi_frame: Write, tmp_path: Path
) -> None:
    pixels = write_multi_frame(tmp_path / "IM0", shape=(4, 20, 24))
    in_order = pixels[::-1].astype(np.float32)  # the first frame lies last
    in_order = in_order * np.arange(1, 5, dtype=np.float32)[:, None, None] - 5
    dicom = predict(predictor, tmp_path / "IM0")
    nifti = save_nifti(tmp_path / "same.nii", in_order.transpose(2, 1, 0), dicom.affine.numpy())
    assert same(dicom, predict(predictor, nifti))


def test_a_png_and_a_stack_of_them(predictor: ScanPredictor, checkpoint: Path, tmp_path: Path) -> None:
    slices = (head()[..., :3] // 2).clip(0, 255).astype(np.uint8)
    (tmp_path / "stack").mkdir()
    for index in range(3):
        Image.fromarray(slices[..., index]).save(tmp_path / "stack" / f"{index + 9}.png")  # 9, 10, 11
    single = predict(predictor, tmp_path / "stack" / "9.png")
    assert tuple(single.shape) == (1, 30, 34, 1)  # columns, rows, slices
    with pytest.raises(ScanError, match="give spacing"):
        predictor(tmp_path / "stack")

    spaced = ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint, spacing=[0.5, 0.6, 3.0])
    stack = predict(spaced, tmp_path / "stack")
    affine = np.diag([-0.5, -0.6, 3.0, 1.0])
    np.testing.assert_array_equal(stack.affine, affine)
    nifti = save_nifti(tmp_path / "same.nii", slices.transpose(1, 0, 2), affine)
    assert same(stack, predict(predictor, nifti))


def test_settings_come_from_the_checkpoint(predictor: ScanPredictor) -> None:
    """The config's own are for another encoder and network."""
    defaults = yaml.safe_load((BUNDLE / "configs" / "inference.yaml").read_text())
    assert predictor.network.settings["encoder"]["model_name"] == "vit_tiny_patch16_224" != defaults["encoder_name"]
    assert predictor.network.settings["network"]["hidden_channels"] == 16 != defaults["hidden_channels"]
    assert predictor.network.settings["image_size"] == [48, 48] != defaults["image_size"]
    assert not predictor.network.training


def test_slices_that_show_nothing_score_nothing(predictor: ScanPredictor, tmp_path: Path) -> None:
    result = predictor(save_nifti(tmp_path / "head.nii.gz"))
    assert [score is None for score in result.slice_scores] == [False, False, False, False, True]
    assert not result.anomaly_map[..., -1].any()


def test_the_plane_of_the_slices_can_be_chosen(checkpoint: Path, tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "head.nii.gz")
    coronal = ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint, slice_axis="coronal")(path)
    assert len(coronal.slice_scores) == 34
    assert nib.aff2axcodes(coronal.display.image.affine.numpy()) == tuple("ILP")
    np.testing.assert_array_equal(coronal.anomaly_map.affine, nib.load(path).affine)


def test_a_map_can_be_worked_with(predictor: ScanPredictor, tmp_path: Path) -> None:
    """It is an ordinary tensor: not one of inference mode, which can be neither changed nor differentiated through."""
    anomaly_map = predict(predictor, save_nifti(tmp_path / "head.nii.gz"))
    anomaly_map.mul_(2)
    weight = torch.ones(1, requires_grad=True)
    (anomaly_map.as_tensor() * weight).sum().backward()
    assert weight.grad is not None


def test_mixed_precision_is_close(
    predictor: ScanPredictor, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixed_precision, "_has_fast_bfloat16", lambda: True)
    path = save_nifti(tmp_path / "head.nii.gz")
    mixed = ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint, amp=True)
    full, half = predict(predictor, path), predict(mixed, path)
    assert not torch.equal(full, half)
    torch.testing.assert_close(half.as_tensor(), full.as_tensor(), rtol=0.02, atol=0.02)


def test_where_mixed_precision_is_slow_the_map_is_the_exact_one_and_is_called_so(
    predictor: ScanPredictor,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(mixed_precision, "_has_fast_bfloat16", lambda: False)
    path = save_nifti(tmp_path / "head.nii.gz")
    asked = ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint, amp=True)
    result = asked(path)
    assert same(predict(predictor, path), result.anomaly_map)
    assert not result.provenance.amp
    assert [record.levelname for record in caplog.records if record.name == mixed_precision.__name__] == ["WARNING"]


@pytest.mark.parametrize(("value", "message"), [(7.0, "every voxel is 7"), (np.nan, "NaN")])
def test_a_volume_without_a_picture_is_told(
    value: float, message: str, predictor: ScanPredictor, tmp_path: Path
) -> None:
    voxels = np.full((20, 20, 3), 7.0, np.float32)
    voxels[:2] = value
    path = save_nifti(tmp_path / "empty.nii", voxels)
    with pytest.raises(ScanError, match=message) as error:
        predictor(path)
    assert str(path) in str(error.value)


def test_a_ct_is_refused_by_a_bundle_for_mri(predictor: ScanPredictor, write_series: Write, tmp_path: Path) -> None:
    write_series(tmp_path / "ct", modality="CT")
    with pytest.raises(ScanError, match="modality is CT, expected MR"):
        predictor(tmp_path / "ct")


def test_an_error_of_a_transform_is_raised_as_it_is(tmp_path: Path, predictor: ScanPredictor) -> None:
    """Not as MONAI's wrapper, and free of a circle of causes, in which whoever follows them would never end."""

    def fail(item: Any) -> Any:
        try:
            raise PermissionError("no access")
        except PermissionError as error:
            raise RuntimeError("applying transform") from error

    failing = ScanPredictor(
        predictor.network,
        preprocessing=fail,
        inferer=predictor.inferer,
        postprocessing=predictor.postprocessing,
        checkpoint_sha256="",
    )
    with pytest.raises(PermissionError, match="no access") as error:
        failing(tmp_path)
    assert error.value.__cause__ is None
    assert error.value.__context__ is None
    assert root_cause(error.value) is error.value


# --- what is wrong with a bundle, a setting or a checkpoint ---


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"treshold": 1.0}, BundleError, "has no setting 'treshold'"),
        ({"slice_axis": "axle"}, ValueError, "axial"),
        ({"threshold": float("nan")}, ValueError, "threshold is nan"),
        ({"encoder_weights": "absent.pth"}, EncoderWeightsError, "absent.pth"),
        ({"hidden_channels": 8}, CheckpointMismatchError, "hidden_channels: trained with 16, now 8"),
        ({"ckpt_path": "absent.pt"}, CheckpointError, "no checkpoint at 'absent.pt'"),
    ],
)
def test_a_wrong_setting_is_named(
    settings: dict[str, Any], error: type[Exception], message: str, checkpoint: Path
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        ScanPredictor.from_bundle(BUNDLE, **{"ckpt_path": checkpoint, **settings})


def test_a_bundle_that_is_not_there_or_not_trained(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not the folder of a bundle"):
        ScanPredictor.from_bundle(tmp_path)
    shutil.copytree(BUNDLE / "configs", tmp_path / "configs")
    with pytest.raises(CheckpointError, match=re.escape(str(tmp_path / "models" / "model.pt"))):
        ScanPredictor.from_bundle(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network: [", "cannot be read as a config"),
        ("network: null\nckpt_path: model.pt", "does not define preprocessing, inferer, postprocessing"),
    ],
)
def test_a_config_that_cannot_predict(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "inference.yaml").write_text(text)
    with pytest.raises(BundleError, match=message):
        ScanPredictor.from_bundle(tmp_path)


def test_a_bundle_needs_no_settings_beyond_its_parts(checkpoint: Path, tmp_path: Path) -> None:
    """No threshold, no mixed precision, and JSON, as other bundles have it."""
    config = yaml.safe_load((BUNDLE / "configs" / "inference.yaml").read_text())
    for name in ("threshold", "amp", "mixed_precision", "evaluator"):
        del config[name]
    del config["postprocessing"]["transforms"][-1]
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "inference.json").write_text(json.dumps(config))
    result = ScanPredictor.from_bundle(tmp_path, ckpt_path=checkpoint)(save_nifti(tmp_path / "head.nii"))
    assert result.mask is None


def _with_saved(checkpoint: Path, path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write a copy of a checkpoint that says something else of itself."""
    state = torch.load(checkpoint, weights_only=True)
    saved = json.loads(bytes(state["_extra_state"].tolist()))
    change(saved)
    state["_extra_state"] = torch.frombuffer(bytearray(json.dumps(saved).encode()), dtype=torch.uint8)
    torch.save(state, path)
    return path


@pytest.mark.parametrize(
    "code", ["$__import__('pathlib').Path('{}').touch()", {"_target_": "pathlib.Path.touch", "self": "$Path('{}')"}]
)
@pytest.mark.parametrize("place", ["encoder_name", "encoder_layers", "encoder_weights", "postprocessing"])
def test_a_checkpoint_cannot_bring_code(place: str, code: Any, checkpoint: Path, tmp_path: Path) -> None:
    """A config runs text that begins with a dollar sign; what a checkpoint says of itself must not get there."""
    trap = tmp_path / "was_here"
    code = json.loads(json.dumps(code).replace("{}", str(trap)))

    def change(saved: dict[str, Any]) -> None:
        if place == "encoder_name":
            saved["settings"]["encoder"]["model_name"] = code
        elif place == "encoder_layers":
            saved["settings"]["encoder"]["layers"] = [code]
        elif place == "encoder_weights":
            saved["encoder_weights"] = code
        else:
            saved["settings"]["preprocessing"]["postprocessing"] = code

    with pytest.raises(CheckpointError, match="no plain name and value"):
        ScanPredictor.from_bundle(BUNDLE, ckpt_path=_with_saved(checkpoint, tmp_path / "evil.pt", change))
    assert not trap.exists()


def test_a_checkpoint_cannot_change_a_component(checkpoint: Path, tmp_path: Path) -> None:
    """Names like this one lead into the config's definitions."""

    def change(saved: dict[str, Any]) -> None:
        saved["settings"]["preprocessing"]["inferer::_target_"] = "os.getcwd"

    with pytest.raises(CheckpointError, match="no plain name and value"):
        ScanPredictor.from_bundle(BUNDLE, ckpt_path=_with_saved(checkpoint, tmp_path / "evil.pt", change))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"num_layers": 1_000_000}, "num_layers is 1000000; expected a whole number of 1 or more, at most 100"),
        ({"hidden_channels": 10**9}, "hidden_channels is 1000000000"),
        ({"hidden_channels": 10_000}, "does not hold the network that it describes"),
        ({"num_layers": 7}, "does not hold the network that it describes"),
        ({"kernel_size": 98}, "describes a network that cannot be"),
        ({"in_channels": 10**12}, "does not hold the network that it describes"),
        ({"in_channels": "many"}, "describes a network that cannot be"),
        ({"likelihood": "none"}, "likelihood is 'none'; expected one of"),
    ],
)
def test_a_checkpoint_cannot_ask_for_what_it_does_not_hold(
    change: dict[str, Any], told: str, checkpoint: Path, tmp_path: Path
) -> None:
    path = _with_saved(checkpoint, tmp_path / "absurd.pt", lambda saved: saved["settings"]["network"].update(change))
    with pytest.raises(CheckpointError, match=told):
        ScanPredictor.from_bundle(BUNDLE, ckpt_path=path)


def test_a_checkpoint_of_another_kind_is_told(checkpoint: Path, tmp_path: Path) -> None:
    without = _with_saved(checkpoint, tmp_path / "old.pt", lambda saved: saved["settings"].pop("network"))
    with pytest.raises(CheckpointError, match="does not say what it was trained with"):
        ScanPredictor.from_bundle(BUNDLE, ckpt_path=without)

    def liver(saved: dict[str, Any]) -> None:
        saved["settings"]["preprocessing"] = {"modality": "liver_ct", "window": [-160, 240]}

    with pytest.raises(CheckpointMismatchError, match="preprocessing.modality: trained with 'liver_ct'"):
        ScanPredictor.from_bundle(BUNDLE, ckpt_path=_with_saved(checkpoint, tmp_path / "liver.pt", liver))


def test_weights_from_a_file_have_to_be_given(checkpoint: Path, tmp_path: Path) -> None:
    """Only their hash is in the checkpoint. Nothing is downloaded in their place."""
    path = _with_saved(checkpoint, tmp_path / "model.pt", lambda saved: saved.update(encoder_weights="file"))
    with pytest.raises(CheckpointError, match="give that file: encoder_weights=PATH"):
        ScanPredictor.from_bundle(BUNDLE, ckpt_path=path)
    assert ScanPredictor.from_bundle(BUNDLE, ckpt_path=path, encoder_weights="random").network.settings


@pytest.mark.parametrize("code", re.findall(r"```py\n(.*?)```", PYTHON_PAGE.read_text(), re.DOTALL))
def test_the_python_of_the_documentation_runs(
    code: str, checkpoint: Path, write_series: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder like a reader's: a trained bundle, a NIfTI file, a DICOM series."""
    shutil.copytree(BUNDLE, tmp_path / "bundles" / BUNDLE.name, ignore=shutil.ignore_patterns("models", "features"))
    (tmp_path / "bundles" / BUNDLE.name / "models").mkdir()
    shutil.copy(checkpoint, tmp_path / "bundles" / BUNDLE.name / "models" / "model.pt")
    save_nifti(tmp_path / "scan.nii.gz")
    write_series(tmp_path / "series", modality="MR", shape=(3, 20, 24))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, PYTHON_PAGE.name, "exec"), {})  # noqa: S102 (our own documentation)
