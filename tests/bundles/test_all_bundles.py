"""What holds for every bundle: it is a sound MONAI bundle, and differs from the others in its domain alone."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from monai.bundle import ConfigParser

ROOT = Path(__file__).resolve().parents[2]
BUNDLES = sorted(path for path in (ROOT / "bundles").iterdir() if path.is_dir())
DOMAIN = "# === the domain: "
SHARED = "# === the same in every bundle from here on ==="

each_bundle = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: str(bundle.name))


def config(bundle: Path, name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((bundle / "configs" / name).read_text())
    return read


def test_there_are_three() -> None:
    names = ["brain_mri_anomaly", "liver_ct_anomaly", "retinal_oct_anomaly"]
    assert [bundle.name for bundle in BUNDLES] == names


@pytest.mark.parametrize("name", ["train.yaml", "inference.yaml"])
def test_all_but_the_domain_is_the_same_to_the_letter(name: str) -> None:
    texts = [(bundle / "configs" / name).read_text() for bundle in BUNDLES]
    domains, shared = zip(*(text.split(SHARED) for text in texts), strict=True)
    assert len(set(shared)) == 1
    assert len(shared[0]) > len(max(domains, key=len))
    assert len(set(domains)) == len(BUNDLES)
    # before the domain: a comment and the imports
    heads = [domain.split(DOMAIN)[0].splitlines()[1:] for domain in domains]
    assert heads[0] == heads[1] == heads[2]


@pytest.mark.parametrize(
    "name", ["configs/evaluate.yaml", "configs/multi_gpu_train.yaml", "configs/logging.conf", "LICENSE"]
)
def test_whole_files_are_the_same(name: str) -> None:
    assert len({(bundle / name).read_bytes() for bundle in BUNDLES}) == 1


@each_bundle
def test_training_and_inference_define_the_same_detector(bundle: Path) -> None:
    train, inference = config(bundle, "train.yaml"), config(bundle, "inference.yaml")
    parts = ("encoder", "ar_network_def", "network_def", "network", "device", "preprocessing_settings")
    for key in parts:
        assert train[key] == inference[key], key
    # every setting that those definitions refer to
    text = json.dumps([train[key] for key in parts])
    settings = [key for key in train if f'"@{key}"' in text and key not in parts]
    assert len(settings) >= 15
    for key in settings:
        assert train[key] == inference[key], key


@each_bundle
def test_a_checkpoint_belongs_to_what_makes_the_intensities(bundle: Path) -> None:
    """Whatever setting the normalization refers to is one that a checkpoint remembers; but where to score is not."""
    inference = config(bundle, "inference.yaml")
    text = json.dumps(inference["normalization"])
    used = {key for key in inference if f"@{key}" in text}
    assert used
    assert used - inference["preprocessing_settings"].keys() <= {"air_level", "body_level"}


@each_bundle
def test_metadata_follow_monais_schema(bundle: Path, outside: Callable[[str], Path], tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_bytes(outside("reference/meta_schema_20240725.json").read_bytes())
    command = [sys.executable, "-m", "monai.bundle", "verify_metadata", "--filepath", str(schema)]
    command += ["--meta_file", str(bundle / "configs" / "metadata.json")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "verified with no error" in done.stdout + done.stderr


@each_bundle
def test_metadata_name_their_own_version(bundle: Path) -> None:
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    assert metadata["version"] in metadata["changelog"]
    assert (bundle / "docs" / "README.md").is_file()
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "inference.yaml"))
    parser.read_meta(str(bundle / "configs" / "metadata.json"))
    assert parser["_meta_#network_data_format#outputs#pred#num_channels"] == 1
