"""``monai-sar calibrate`` in this process: what is told, what is written, and that nothing is where it may not be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from monai_sar.cli.calibrate import calibrate as calibrate_command
from monai_sar.inferers import ScanPredictor
from tests.calibration.conftest import write_datalist, write_normal_images, write_volume
from tests.conftest import BUNDLE

Calibrate = Callable[..., Result]

app = typer.Typer()
app.command()(calibrate_command)


@pytest.fixture
def path(checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint of this test's own."""
    copy = tmp_path / "model.pt"
    copy.write_bytes(checkpoint.read_bytes())
    return copy


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten patients."""
    root = tmp_path_factory.mktemp("data")
    write_normal_images(root, patients=10)
    return root


def call(path: Path, data: Path, *arguments: str, bundle: Path = BUNDLE) -> Result:
    return CliRunner().invoke(app, [str(bundle), str(data), f"--checkpoint={path}", *arguments])


def test_the_checkpoint_is_calibrated(path: Path, data: Path) -> None:
    result = call(path, data, "--rates=0.1,0.5")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Calibrated on 20 single slices of 10 normal patients, SHA-256 ")
    assert lines[-1] == f"Written into {path}"
    calibration = ScanPredictor.from_bundle(BUNDLE, ckpt_path=path).network.calibration
    assert calibration is not None
    assert calibration.rates == (0.1, 0.5)
    assert calibration.data_sha256.startswith(lines[0].removesuffix(".").split()[-1])

    again = call(path, data, "--rates=0.2")
    assert again.exit_code == 0, again.stderr
    calibration = ScanPredictor.from_bundle(BUNDLE, ckpt_path=path).network.calibration
    assert calibration is not None
    assert calibration.rates == (0.2,)
    assert [file.name for file in path.parent.iterdir()] == ["model.pt"]


def test_without_rates_few_patients_promise_the_smallest_rate_they_can(path: Path, data: Path) -> None:
    result = call(path, data)
    assert result.exit_code == 0, result.stderr
    calibration = ScanPredictor.from_bundle(BUNDLE, ckpt_path=path).network.calibration
    assert calibration is not None
    assert calibration.rates == (0.091,)
    assert "9.1 %" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--rates=0.01,0.05"],
            "a false-positive rate of 1 % needs 99 and 5 % needs 19. What to do: the smallest rate that 10 can promise",
        ),
        (["--rates=0.05"], "--rates 0.091"),
        (["--rates=5"], "false-positive rate 5.0; expected one between 0 and 1"),
        (["--rates=few"], "--rates few: expected numbers"),
        (["--split=train"], "'train' is not one of 'valid', 'test'"),
        (["--split=test", "--rates=0.5"], "split test: found no good or Ungood images"),
        (["--checkpoint=absent.pt"], "There is no checkpoint at 'absent.pt'"),
        (["--set=no_such_setting=1"], "train.yaml has no setting 'no_such_setting'"),
        (["--set=nonsense"], "--set nonsense: expected key=value"),
        (["--set=mode=standard", "--rates=0.5"], "network.mode: trained with 'blind_spot', now 'standard'"),
        (["--set=color=as_stored", "--rates=0.5"], "color: trained with 'intensity', now 'as_stored'"),
        (["--encoder-weights=absent.pth"], "absent.pth"),
        (["--device=nonsense"], "device string: nonsense"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_written(arguments: list[str], message: str, path: Path, data: Path) -> None:
    before = path.read_bytes()
    result = call(path, data, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", "").split())
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["model.pt"]


def test_a_datalist_of_volumes_and_its_folds(path: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    items: list[dict[str, Any]] = [
        write_volume(data, f"{n}", seed=n) | {"patient": f"P{n}", "fold": n % 2} for n in range(6)
    ]
    file = write_datalist(data, training=items[:3], validation=items[3:])
    result = call(path, file, "--rates=0.25")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Calibrated on 3 volumes of 3 normal patients")

    folds = write_datalist(data, training=items[:5])
    result = call(path, folds, "--rates=0.5", "--fold=1")
    assert result.exit_code == 0, result.stderr
    calibration = ScanPredictor.from_bundle(BUNDLE, ckpt_path=path).network.calibration
    assert calibration is not None
    assert (calibration.units, calibration.kind) == (2, "volumes")
    result = call(path, folds, "--rates=0.5", "--fold=7")
    assert result.exit_code == 2
    assert "asked for fold 7, found the folds 0, 1" in result.stderr


def test_scans_that_all_have_lesions(path: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    items: list[dict[str, Any]] = [
        write_volume(data, f"{n}", seed=n, lesion=[1]) | {"patient": f"P{n}"} for n in range(3)
    ]
    alone = "--set=smoothing_across=0"  # or the slices of so small a scan are all too near to its lesion
    result = call(path, write_datalist(data, validation=items), "--rates=0.25", alone)
    assert result.exit_code == 0, result.stderr
    assert "Every scan shows a lesion: thresholds rest on the other slices, and scans get no p-value" in result.stdout

    unmarked = [{"image": item["image"], "patient": item["patient"], "abnormal": 1} for item in items]
    result = call(path, write_datalist(data, validation=unmarked), "--rates=0.25")
    assert result.exit_code == 2
    assert "found 3 abnormal scans without masks of their lesions" in result.stderr


def test_no_data_set_and_no_bundle(path: Path, tmp_path: Path, data: Path) -> None:
    assert "absent" in call(path, tmp_path / "absent", "--rates=0.5").stderr
    assert "is not the folder of a bundle" in call(path, data, bundle=tmp_path).stderr
