"""A real server of MONAI Label in a process of its own, on a loopback port, with tiny studies and a tiny checkpoint."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from monai_sar.engines import calibrate_detector
from monai_sar.inferers import ScanPredictor
from tests.conftest import BUNDLE, head, save_nifti

__all__ = ["MODEL", "REASON", "LabelServer", "free_port"]

MODEL = BUNDLE.name
REASON = "MONAI Label is not installed here; it has an environment of its own: make label-env"
APP = Path(__file__).resolve().parents[2] / "monai_sar" / "label" / "app"
START_SECONDS = 120


def free_port() -> int:
    """A loopback port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LabelServer:
    """``python -m monailabel.main start_server`` as a user starts it.

    Args:
        folder: for the app and the log.
        studies: folder or address.
        conf: ``--conf`` of the app.
        app: the app's folder, which is copied.
        environment: beside the one of this process.
    """

    def __init__(
        self,
        folder: Path,
        studies: Path | str,
        conf: Mapping[str, Any],
        *,
        app: Path = APP,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.app = Path(shutil.copytree(app, folder / "app", ignore=shutil.ignore_patterns("__pycache__")))
        self.log = folder / "server.log"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.tmpdir = folder / "client"
        self.tmpdir.mkdir()
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(self.app)]
        command += ["--studies", str(studies), "--host", "127.0.0.1", "--port", str(port)]
        for key, value in conf.items():
            command += ["--conf", key, str(value)]
        # scoring in the background would disturb the clock, and the tests ask for it themselves
        variables = {"MONAI_LABEL_AUTO_UPDATE_SCORING": "false", "OMP_NUM_THREADS": "1"}
        self.sessions = folder / "sessions"
        variables |= {"TMPDIR": str(self.temporary), "MONAI_LABEL_SESSION_PATH": str(self.sessions)}
        variables |= environment or {}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env={**os.environ, **variables}
            )
        self._wait()

    def _wait(self) -> None:
        for _ in range(START_SECONDS * 5):
            if "Uvicorn running" in self.log.read_text():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        self.process.kill()
        pytest.fail(f"The server did not start:\n{self.log.read_text()[-4000:]}")

    @property
    def client(self) -> Any:
        """MONAI Label's own client."""
        from monailabel.client import MONAILabelClient

        return MONAILabelClient(self.url, tmpdir=str(self.tmpdir))

    def stop(self) -> int:
        """Ask the server to end, and return its exit status; fail if it takes more than 20 seconds."""
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail("The server does not end.")


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LabelServer]]:
    """Start servers that end with the tests of a file."""
    servers: list[LabelServer] = []

    def start(*arguments: Any, **options: Any) -> LabelServer:
        servers.append(LabelServer(tmp_path_factory.mktemp("server"), *arguments, **options))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four heads and a damaged file."""
    folder = tmp_path_factory.mktemp("studies")
    for seed in range(4):
        save_nifti(folder / f"head_{seed}.nii.gz", head(seed=seed))
    (folder / "damaged.nii.gz").write_bytes(b"not a scan")
    return folder


@pytest.fixture(scope="session")
def calibrated(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint, calibrated on 19 heads for a false-positive rate of 5 %."""
    folder = tmp_path_factory.mktemp("calibrated")
    path = Path(shutil.copyfile(checkpoint, folder / "model.pt"))
    predictor = ScanPredictor.from_bundle(BUNDLE, ckpt_path=path)
    patients = [str(seed) for seed in range(100, 119)]
    scans = [predictor.prepare(save_nifti(folder / f"{seed}.nii.gz", head(seed=int(seed)))) for seed in patients]
    predictor.network.calibration = calibrate_detector(
        predictor.network, scans, patients=patients, inferer=predictor.inferer
    )
    predictor.network.save_calibration(path)
    assert predictor.network.calibration.rates == (0.05,)
    return path


@pytest.fixture(scope="session")
def calibrated_predictor(calibrated: Path) -> ScanPredictor:
    """What the server's results are compared with."""
    return ScanPredictor.from_bundle(BUNDLE, ckpt_path=calibrated)
