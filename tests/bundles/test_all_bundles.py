"""What holds for every bundle: it is what its source says, and a sound MONAI bundle."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from monai.bundle import ConfigParser, verify_net_in_out

from bundles.source.write import bundle_files
from tests.bundles.conftest import ROOT, TINY, run_config, run_forked_bundle, untrained_checkpoint
from tests.conftest import save_nifti

BUNDLES = sorted((ROOT / "bundles").glob("*_anomaly"))

each_bundle = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: str(bundle.name))


def config(bundle: Path, name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((bundle / "configs" / name).read_text())
    return read


def test_there_are_three() -> None:
    names = ["brain_mri_anomaly", "liver_ct_anomaly", "retinal_oct_anomaly"]
    assert [bundle.name for bundle in BUNDLES] == names


def test_writing_them_again_changes_nothing() -> None:
    for path, text in bundle_files().items():
        written = ROOT / "bundles" / path
        assert written.is_file(), f"{path} is not there: make bundles"
        assert written.read_text() == text, (
            f"{path} is not what bundles/source says: change it there, then make bundles"
        )


@each_bundle
def test_every_config_says_where_it_comes_from(bundle: Path) -> None:
    for file in (bundle / "configs").iterdir():
        assert "bundles/source" in "".join(file.read_text().splitlines(keepends=True)[:6]), file.name


@each_bundle
def test_inference_is_the_workflow_that_monai_requires(bundle: Path, tmp_path: Path) -> None:
    """The tests of each bundle say the same of training."""
    settings = TINY | {"dataset_dir": str(save_nifti(tmp_path / "scan.nii.gz")), "output_dir": str(tmp_path / "maps")}
    checkpoint = untrained_checkpoint(bundle, tmp_path / "model.pt")
    run_config([bundle / "configs" / "inference.yaml"], "inference", ckpt_path=str(checkpoint), **settings)
    assert (tmp_path / "maps" / "scan_anomaly.nii.gz").is_file()


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
    metadata = bundle / "configs" / "metadata.json"
    done = run_forked_bundle("verify_metadata", cwd=tmp_path, filepath=schema, meta_file=metadata)
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


@each_bundle
def test_the_network_takes_and_gives_what_the_metadata_say(bundle: Path) -> None:
    configs = bundle / "configs"
    verify_net_in_out(
        "network_def", str(configs / "metadata.json"), str(configs / "inference.yaml"), "cpu", n=3, **TINY
    )
