"""From studies that a radiologist marks normal to a checkpoint in service, and what to look at next."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_sar.inferers import ScanPredictor
from monai_sar.networks.checkpoint import read_checkpoint
from tests.conftest import BUNDLE, OBLIQUE, head, save_nifti
from tests.label.conftest import MODEL, REASON, LabelServer

pytest.importorskip("monailabel", reason=REASON)
psutil = pytest.importorskip("psutil", reason=REASON)
requests = pytest.importorskip("requests", reason=REASON)
pytestmark = pytest.mark.label

TRAIN_SECONDS = 150
LESION = np.zeros(head().shape, dtype=np.bool_)
LESION[14:20, 12:18, 1:3] = True


@pytest.fixture(scope="module")
def server(start_server: Callable[..., LabelServer], studies: Path, checkpoint: Path) -> LabelServer:
    """With a checkpoint that is not calibrated, one study more, which shows a lesion, and one that lies elsewhere."""
    save_nifti(studies / "lesion.nii.gz", np.where(LESION, 900, head(seed=4)))
    (studies / "link.nii.gz").symlink_to(checkpoint)
    conf = {"bundles": BUNDLE.parent, "models": MODEL, f"{MODEL}.ckpt_path": checkpoint}
    return start_server(studies, conf)


def post(server: LabelServer, path: str, **body: Any) -> Any:
    answer = requests.post(f"{server.url}/{path}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait_for_training(server: LabelServer, *, until: str | None = None) -> dict[str, Any]:
    """Wait until it has ended, or until its progress shows a text."""
    shown: list[str] = []
    for _ in range(TRAIN_SECONDS * 4):
        task: dict[str, Any] = requests.get(f"{server.url}/train/", timeout=60).json()
        shown += [line for line in task.get("details", []) if line not in shown]
        if task["status"] not in ("SUBMITTED", "RUNNING") or any(until in line for line in shown if until):
            return {**task, "shown": "\n".join(shown)}
        time.sleep(0.25)
    pytest.fail(f"Training does not end:\n{shown}")


def mark_normal(server: LabelServer, study: str, *, normal: bool = True) -> None:
    info = {"info": json.dumps({"normal": normal})}
    assert requests.put(f"{server.url}/datastore/image/info?image={study}", data=info, timeout=60).status_code == 200


def test_scores_are_filled_in_and_rank_the_studies(server: LabelServer, studies: Path, checkpoint: Path) -> None:
    assert server.client.next_sample("most_anomalous", {})["score"] is None  # nothing is scored yet
    done = post(server, "scoring/anomaly_score?run_sync=true")
    assert done == {"model": MODEL, "scored": 5, "before": 0, "failed": 2}
    images = server.client.datastore()["objects"]
    scores = {name: image["image"]["info"]["monai_sar"][MODEL] for name, image in images.items()}
    assert "cannot be read as NIfTI" in scores.pop("damaged")["error"]
    assert "leads out of the folder of the studies" in scores.pop("link")["error"]
    predictor = ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint)
    for name, score in scores.items():
        assert score["score"] == pytest.approx(predictor(studies / f"{name}.nii.gz").score, rel=1e-6)
        assert score["p_value"] is None
    highest = max(scores, key=lambda name: scores[name]["score"])
    assert server.client.next_sample("most_anomalous", {})["id"] == highest
    again = post(server, "scoring/anomaly_score?run_sync=true")
    assert again == {"model": MODEL, "scored": 0, "before": 7, "failed": 0}


def test_what_needs_a_calibration_says_so(server: LabelServer) -> None:
    infer = requests.post(f"{server.url}/infer/{MODEL}?image=head_0", timeout=60)
    assert (infer.status_code, "is not calibrated" in infer.json()["detail"]) == (422, True)
    uncertain = requests.post(f"{server.url}/activelearning/most_uncertain", json={}, timeout=60)
    assert (uncertain.status_code, "not calibrated" in uncertain.json()["detail"]) == (422, True)


def test_training_needs_studies_that_are_marked_normal(server: LabelServer) -> None:
    mark_normal(server, "head_0")
    answer = requests.post(f"{server.url}/train/{MODEL}?run_sync=true", json={}, timeout=60)
    assert answer.status_code == 422
    assert "normal studies of 1 patients, expected 2 or more" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        # a config runs text, and a request may come from anybody
        ({"max_epochs": "$__import__('os').abort()"}, "max_epochs is"),
        ({"rates": "few"}, "rates is 'few', expected numbers"),
        ({"rates": [0.01]}, "1 % needs 99"),
        ({"validation_fraction": "half"}, "validation_fraction is 'half', expected a number"),
    ],
)
def test_options_of_training_are_numbers(server: LabelServer, options: dict[str, Any], words: str) -> None:
    mark_normal(server, "head_1")
    answer = requests.post(f"{server.url}/train/{MODEL}?run_sync=true", json=options, timeout=60)
    assert (answer.status_code, words in answer.json()["detail"]) == (422, True)


def test_it_trains_on_normal_studies_and_uses_the_new_checkpoint(
    server: LabelServer, studies: Path, tmp_path: Path
) -> None:
    before = server.client.infer(MODEL, "lesion", {"threshold": 1.0})[1]
    for study in ("head_1", "head_2"):
        mark_normal(server, study)
    # a final label with nothing in it says the same; one that marks something does not
    nothing = save_nifti(tmp_path / "nothing.nii.gz", np.zeros(head().shape, np.uint8), OBLIQUE)
    server.client.save_label("head_3", str(nothing), tag="final", params={})
    something = save_nifti(tmp_path / "something.nii.gz", LESION.astype(np.uint8), OBLIQUE)
    server.client.save_label("lesion", str(something), tag="final", params={})

    # two patients held out can promise a rate of one in three
    options = {"max_epochs": 2, "batch_size": 4, "validation_fraction": 0.5, "rates": "0.34"}
    started = server.client.train_start(MODEL, options)
    assert started["request"]["max_epochs"] == 2
    task = wait_for_training(server)
    assert task["status"] == "DONE", task["shown"]
    assert "Epoch 2/" in task["shown"]
    assert "Calibrated on 2 volumes of 2 normal patients" in task["shown"]

    stats = server.client.info()["train_stats"][MODEL]
    assert (stats["train_scans"], stats["validation_scans"], stats["rates"]) == (2, 2, [0.34])
    after = server.client.infer(MODEL, "lesion", {})[1]  # it is calibrated now
    assert after["checkpoint_sha256"] == stats["checkpoint_sha256"] != before["checkpoint_sha256"]
    assert after["false_positive_rate"] == 0.34
    trained = ScanPredictor.from_bundle(BUNDLE, ckpt_path=server.app / "model" / MODEL / "model.pt")
    expected = trained(studies / "lesion.nii.gz")
    assert (after["score"], after["p_value"]) == (pytest.approx(expected.score, rel=1e-6), expected.p_value)


def test_the_next_scores_are_those_of_the_new_checkpoint(server: LabelServer) -> None:
    assert post(server, "scoring/anomaly_score?run_sync=true")["scored"] == 5
    # all others are marked normal or labelled
    assert server.client.next_sample("most_anomalous", {}) == {}
    for study in ("head_0", "head_1"):
        mark_normal(server, study, normal=False)
    images = server.client.datastore()["objects"]
    scores = {name: images[name]["image"]["info"]["monai_sar"][MODEL] for name in ("head_0", "head_1")}
    nearest = min(scores, key=lambda name: abs(scores[name]["score"] - scores[name]["boundary"]))
    likeliest = min(scores, key=lambda name: (scores[name]["p_value"], -scores[name]["score"]))
    assert server.client.next_sample("most_uncertain", {})["id"] == nearest
    assert server.client.next_sample("most_anomalous", {})["id"] == likeliest


def test_training_that_is_stopped_leaves_the_checkpoint_in_service(server: LabelServer) -> None:
    model = server.app / "model" / MODEL / "model.pt"
    before = model.read_bytes()
    server.client.train_start(MODEL, {"max_epochs": 100_000, "early_stopping_patience": 100_000})
    children = psutil.Process(server.process.pid).children
    assert wait_for_training(server, until="Epoch 1/")["status"] == "RUNNING"
    assert len(children(recursive=True)) == 2  # MONAI Label's and the bundle's
    assert server.client.train_stop()["status"] == "STOPPED"
    for _ in range(50):
        if not children(recursive=True):
            break
        time.sleep(0.1)
    assert not children(recursive=True)
    assert model.read_bytes() == before
    read_checkpoint(model)
    assert server.client.infer(MODEL, "lesion", {})[1]["false_positive_rate"] == 0.34


def test_it_ends_while_it_trains(server: LabelServer) -> None:  # the last test of this server
    server.client.train_start(MODEL, {"max_epochs": 100_000, "early_stopping_patience": 100_000})
    wait_for_training(server, until="Initializing App")
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert children
    server.stop()
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]

    assert list(server.temporary.glob("monai-sar-*")) == []
