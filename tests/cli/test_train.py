"""``monai-sar train``: what MONAI's own command gives, and what is told."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from monai_sar.cli import app
from monai_sar.cli.failure import INTERRUPTED
from tests.bundles.conftest import TINY, run_forked_bundle
from tests.conftest import BUNDLE
from tests.forked_python import run_forked_ranks
from tests.full_disk import files_limited_to

pytestmark = pytest.mark.usefixtures("logging_as_before")

SETTINGS = TINY | {"batch_size": 8}


def arguments(root: Path, **settings: Any) -> list[str]:
    """Options of a tiny training in this folder."""
    pairs = SETTINGS | {"feature_dir": str(root / "features")} | settings
    given = [f"--set={key}={json.dumps(value)}" for key, value in pairs.items() if key != "encoder_weights"]
    return ["--encoder-weights=random", f"--ckpt-dir={root / 'models'}", f"--output={root / 'output'}", *given]


def train(data: Path, root: Path, *more: str, **settings: Any) -> Result:
    return CliRunner().invoke(app, ["train", str(BUNDLE), str(data), *arguments(root, **settings), *more])


def epochs(root: Path) -> list[int]:
    return [epoch for epoch, _ in json.loads((root / "output" / "training_curve.json").read_text())["train_loss"]]


def state(path: Path) -> Any:
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def trained(bmad: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where MONAI's own command wrote."""
    root = tmp_path_factory.mktemp("trained")
    done = run_forked_bundle(
        "run",
        "training",
        "--config_file=configs/train.yaml",
        cwd=BUNDLE,
        dataset_dir=bmad,
        ckpt_dir=root / "models",
        feature_dir=root / "features",
        output_dir=root / "output",
        max_epochs=2,
        **SETTINGS,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return root


def test_it_gives_to_the_bit_what_monai_gives_whatever_paths_are_called(
    trained: Path, bmad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("@bundle").symlink_to(BUNDLE)
    Path("$da@#ta").symlink_to(bmad)
    command = ["train", "@bundle", "$da@#ta", "--max-epochs=2", *arguments(Path())]
    named = [
        {"--ckpt-dir=models": "--ckpt-dir=%mod#els", "--output=output": "--output=$output"}.get(a, a) for a in command
    ]
    result = CliRunner().invoke(app, named)
    assert result.exit_code == 0, result.stderr
    assert "Warning" not in result.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["$da@#ta", "$output", "%mod#els", "@bundle", "features"]
    expected, found = state(trained / "models" / "model.pt"), state(Path("%mod#els/model.pt"))
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[key], found[key]) for key in expected)
    curves = [root / "training_curve.json" for root in (trained / "output", Path("$output"))]
    assert curves[0].read_text() == curves[1].read_text()


def test_a_training_that_goes_on_needs_its_settings_unless_it_begins_anew(
    trained: Path, bmad: Path, tmp_path: Path
) -> None:
    for name in ("models", "output"):
        (tmp_path / name).mkdir()
        for file in (trained / name).iterdir():
            (tmp_path / name / file.name).write_bytes(file.read_bytes())

    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in tmp_path.glob("*/*.*")}

    before = files()
    assert train(bmad, tmp_path, "--max-epochs=2").exit_code == 0
    refused = train(bmad, tmp_path, "--max-epochs=2", "--seed=3")
    assert refused.exit_code == 2
    assert "belongs to a training with other settings:\n  seed: 42 then, 3 now\n" in refused.stderr
    assert files() == before
    assert train(bmad, tmp_path, "--max-epochs=3").exit_code == 0
    assert epochs(tmp_path) == [1, 2, 3]
    assert train(bmad, tmp_path, "--max-epochs=1", "--seed=3", "--anew").exit_code == 0
    assert epochs(tmp_path) == [1]


def test_after_ctrl_c_it_says_how_to_go_on_and_does(bmad: Path, tmp_path: Path) -> None:
    patient = {"early_stopping_patience": 100000}
    command = [sys.executable, "-m", "monai_sar.cli", "train", str(BUNDLE), str(bmad), *arguments(tmp_path, **patient)]
    process = subprocess.Popen(
        [*command, "--max-epochs=100000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # whoever starts the tests in the background has it ignored, and so would this process
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    unfinished = tmp_path / "models" / "unfinished.pt"
    while not unfinished.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    # Python ends itself by the signal if an interrupt came through an eval(), which MONAI runs; shells call both 130
    assert process.returncode in (INTERRUPTED, -signal.SIGINT), stderr
    assert stderr.endswith("monai-sar: Interrupted. The same command goes on where it stopped.\n")
    assert "Traceback" not in stderr
    assert "Warning" not in stderr

    done = int(state(unfinished)["trainer"]["iteration"]) // 3  # 20 images in batches of 8
    result = train(bmad, tmp_path, f"--max-epochs={done + 1}", **patient)
    assert result.exit_code == 0, result.stderr
    assert epochs(tmp_path) == list(range(1, done + 2))


def test_two_trainings_in_one_folder_and_one_that_does_not_fit(bmad: Path, tmp_path: Path) -> None:
    """Refused at the start; nothing of a checkpoint that does not fit stays."""
    hold = "import sys; from monai_sar.engines import RunFolder; RunFolder(sys.argv[1], settings={}).claim(); "
    command = [sys.executable, "-c", hold + "print(flush=True); sys.stdin.read()", str(tmp_path / "models")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        refused = train(bmad, tmp_path, "--max-epochs=1")
        other.kill()
    assert refused.exit_code == 2
    assert f"monai-sar: '{tmp_path / 'models'}' is trained in by process {other.pid} on " in refused.stderr
    assert "give another folder (setting ckpt_dir)" in refused.stderr
    assert not (tmp_path / "features").exists()

    with files_limited_to(200_000):
        full = train(bmad, tmp_path, "--max-epochs=1")
    assert full.exit_code == 2
    assert f"monai-sar: Cannot write '{tmp_path / 'models' / 'model.pt'}': File too large for '" in full.stderr
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".training.lock"]  # until this process ends


def test_torchrun_takes_the_settings_of_several_processes(bmad: Path, tmp_path: Path) -> None:
    command = ["train", str(BUNDLE), str(bmad), *arguments(tmp_path, batch_size=3)]
    for done in run_forked_ranks("monai_sar.cli", *command, cwd=tmp_path):
        assert done.returncode == 2
        assert "monai-sar: A batch of 3 images cannot be shared evenly by 2 processes." in done.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set=learning_rat=1"], "has no setting 'learning_rat'; did you mean 'learning_rate'?"),
        (["--set=learning_rate=fast"], "learning_rate is 'fast'; expected a number of 0 or more"),
        (["--set=no_such_setting=1"], "train.yaml has no setting 'no_such_setting'"),
        (["--set==1"], "--set =1: expected key=value"),
        (["--set=optimizer#no_such_part=1"], "train.yaml has no setting 'optimizer#no_such_part'"),
        (["--set=nonsense"], "--set nonsense: expected key=value"),
        (["--set=mode=sideways"], "sideways"),
        (["--encoder-weights=absent.pth"], "absent.pth"),
        (["--device=nonsense"], "device string: nonsense"),
        (["--max-epochs=0"], "--max-epochs"),
    ],
)
def test_wrong_use_is_told_and_nothing_written(more: list[str], message: str, bmad: Path, tmp_path: Path) -> None:
    result = train(bmad, tmp_path, *more)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_no_data_set_and_no_bundle(bmad: Path, tmp_path: Path) -> None:
    absent = CliRunner().invoke(app, ["train", str(BUNDLE), str(tmp_path / "absent")])
    assert absent.exit_code == 2
    assert absent.stderr == f"monai-sar: {tmp_path / 'absent'}: does not exist; expected the folder of a data set.\n"
    no_bundle = CliRunner().invoke(app, ["train", str(tmp_path), str(bmad)])
    assert no_bundle.exit_code == 2
    assert no_bundle.stderr == f"monai-sar: '{tmp_path}' is not the folder of a bundle: it has no configs/train.yaml.\n"
