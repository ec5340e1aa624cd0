"""``monai-sar evaluate``: what MONAI's own command gives, with what the checkpoint already knows."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from monai_sar.cli import app
from monai_sar.networks.checkpoint import read_checkpoint, replace_saved_with, saved_with
from tests.bundles.conftest import TINY, run_forked_bundle
from tests.conftest import BUNDLE

pytestmark = pytest.mark.usefixtures("logging_as_before")


def evaluate(data: Path, output: Path, *more: str) -> Result:
    few = "--set=bootstrap_resamples=20"
    return CliRunner().invoke(app, ["evaluate", str(BUNDLE), str(data), f"--output={output}", few, *more])


def test_it_gives_to_the_bit_what_monai_gives(checkpoint: Path, bmad: Path, tmp_path: Path) -> None:
    done = run_forked_bundle(
        "run",
        "evaluating",
        "--config_file=['configs/train.yaml','configs/evaluate.yaml']",
        cwd=BUNDLE,
        dataset_dir=bmad,
        ckpt_path=checkpoint,
        output_dir=tmp_path / "monai",
        split="valid",
        bootstrap_resamples=20,
        **TINY,
        abnormal_intensity="none",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # TINY is not given: the checkpoint knows
    result = evaluate(bmad, tmp_path / "ours", f"--checkpoint={checkpoint}", "--split=valid")
    assert result.exit_code == 0, result.stderr
    assert "Warning" not in result.stderr
    names = sorted(path.name for path in (tmp_path / "monai").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "ours").iterdir())
    for name in ("metrics_valid.json", "metrics_valid.csv", "cases_valid.csv"):
        assert (tmp_path / "ours" / name).read_text() == (tmp_path / "monai" / name).read_text()
    assert json.loads((tmp_path / "ours" / "metrics_valid.json").read_text())["scans"] == {"normal": 4, "abnormal": 4}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--checkpoint=absent.pt"], "There is no checkpoint at 'absent.pt'"),
        (["--set=no_such_setting=1"], "has no setting 'no_such_setting'"),
        (["--set=mode=standard"], "network.mode: trained with 'blind_spot', now 'standard'"),
        (["--encoder-weights=absent.pth"], "absent.pth"),
        (["--device=nonsense"], "device string: nonsense"),
        (["--split=train"], "'train' is not one of 'valid', 'test'"),
    ],
)
def test_wrong_use_is_told_and_nothing_written(
    more: list[str], message: str, checkpoint: Path, bmad: Path, tmp_path: Path
) -> None:
    result = evaluate(bmad, tmp_path / "output", f"--checkpoint={checkpoint}", *more)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", "").split())
    assert not (tmp_path / "output").exists()


def test_weights_from_a_file_have_to_be_given(checkpoint: Path, bmad: Path, tmp_path: Path) -> None:
    """Only their hash is in the checkpoint."""
    path = tmp_path / "model.pt"
    path.write_bytes(checkpoint.read_bytes())
    replace_saved_with(path, {**saved_with(read_checkpoint(path)), "encoder_weights": "file"})
    result = evaluate(bmad, tmp_path / "output", f"--checkpoint={path}")
    assert result.exit_code == 2
    assert "was trained with encoder weights from a file, so give that file" in result.stderr
