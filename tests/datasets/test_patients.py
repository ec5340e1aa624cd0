"""Names tell the patient by known namings alone; a manifest tells it instead."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.datasets.patients import MANIFEST, NAMINGS, Naming, find_naming, patient_of, patients_of, read_manifest


@pytest.mark.parametrize("naming", NAMINGS, ids=lambda naming: naming.title)
def test_the_example_of_a_naming_follows_that_naming_alone(naming: Naming) -> None:
    assert [other.title for other in NAMINGS if re.fullmatch(other.pattern, Path(naming.example).stem)] == [
        naming.title
    ]
    assert find_naming(f"some/folder/{naming.example}") is naming


@pytest.mark.parametrize(
    ("names", "patient"),
    [
        (["phantom_0012_s03.png", "phantom_0012_s11.png"], "phantom_0012"),
        (["00003_75.png", "BraTS2021_00003_75.png", "BraTS2021_00003_flair_60.png"], "BraTS2021_00003"),
        (["TCGA_CS_5397_20010315_10.png", "TCGA-CS-5397-01.tif", "TCGA_CS_5397_19990101_2_mask.tif"], "TCGA-CS-5397"),
        (["TCGA_DU_A5TR_19970726_12.png"], "TCGA-DU-A5TR"),
        (["liver_12_345.png", "volume-12_3.png", "12_345.png", "liver_12_3_segmentation_DIY_hist.png"], "LiTS-12"),
        (["img_0012_34_hist.png", "img0012_034.png"], "BTCV-0012"),
        (["btcv_c01_12.png", "btcv_c01_012.png"], "btcv_c01"),
        (["ircad17_090.png", "ircad17_91.png"], "ircad17"),
        # the disease is no part of the patient
        (["NORMAL-4872585-1.jpeg", "NORMAL-4872585-12.jpeg", "DME-4872585-2.jpeg"], "Kermany-4872585"),
        (["healthy1_61A28C70.png", "healthy1_61EED7B0.png"], "healthy1"),
        (
            [
                "P0067_MacularCube512x128_4-28-2014_17-15-21_OS_sn21294_cube_z_53.png",
                "P0067_MacularCube512x128_4-28-2014_17-20-00_OD_sn21295_cube_z_1.png",
            ],
            "RESC-P0067",
        ),
        (["PC011_MacularCube512x128_8-26-2013_17-4-6_OS_sn8547_cube_z_1.bmp"], "RESC-PC011"),
    ],
)
def test_all_slices_of_a_patient_give_the_same_patient(names: list[str], patient: str) -> None:
    assert {patient_of(name) for name in names} == {patient}
    assert {patient_of(Path("/data/test/good/img") / name) for name in names} == {patient}


@pytest.mark.parametrize(
    "name",
    [
        "chiu_021.png",  # frames of ten patients, numbered through
        "0001.png",
        "slice_07.png",
        "02000_75.png",  # BraTS2021 has no such case
        "131_12.png",  # LiTS ends at 130
        "012_34.png",  # LiTS has no leading zeros
        "12_34_56.png",
        "liver_0012_34.png",
        "healthy_61A28C70.png",
        "normal-12-1.jpeg",
        "xTCGA_CS_5397_20010315_10.png",
        "copy of 00003_75.png",
        "00003_75 (1).png",
    ],
)
def test_any_other_name_tells_nobody(name: str) -> None:
    assert patient_of(name) is None
    assert find_naming(name) is None


def test_the_folder_tells_nobody() -> None:
    assert patient_of("volume-12/slice.png") is None
    assert patient_of("00003_75/slice.png") is None


def test_a_manifest_tells_instead_of_the_names(tmp_path: Path) -> None:
    images = [tmp_path / "train" / "good" / name for name in ("00003_75.png", "00003_76.png", "x.png", "00004_75.png")]
    assert patients_of(tmp_path, images) == dict(
        zip(images, ["BraTS2021_00003", "BraTS2021_00003", None, "BraTS2021_00004"], strict=True)
    )
    (tmp_path / MANIFEST).write_text(
        "\ufeffslice, file ,patient\n"
        "1,train/good/00003_75.png,a\n"
        "2,./train/good/x.png, a \n"
        "3,train/good/00004_75.png,\n",
        encoding="utf-8",
    )
    # not listed or left empty is unknown, whatever the name tells
    assert patients_of(tmp_path, images) == dict(zip(images, ["a", None, "a", None], strict=True))


NFC, NFD = "train/good/\u00e4.png", "train/good/a\u0308.png"


@pytest.mark.parametrize(
    ("on_disk", "listed"),
    [
        ("train/good/a.png", "train\\good\\a.png"),
        ("train/good/a.png", ".\\train\\good\\a.png"),
        ("train/good/a.png", "./train//good/../good/a.png"),
        ("train/good/a.png", "{root}/train/good/a.png"),
        ("train/good/a.png", "~/set/train/good/a.png"),
        (NFC, NFD),
        (NFD, NFC),
        ("train/good/case", "train/good/case"),
        ("train/good/case", "train/good/case/IM0001.dcm"),
    ],
)
def test_a_manifest_may_spell_paths_in_any_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_disk: str, listed: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    root = tmp_path / "set"
    image = root / on_disk
    image.parent.mkdir(parents=True)
    image.touch()
    with (root / MANIFEST).open("w", encoding="utf-8", newline="") as manifest:
        csv.writer(manifest).writerows([("file", "patient"), (listed.replace("{root}", str(root)), "a")])
    assert patients_of(root, [image]) == {image: "a"}
    monkeypatch.chdir(tmp_path)
    assert patients_of("set", [Path("set") / on_disk]) == {Path("set") / on_disk: "a"}


def test_a_manifest_that_lists_none_of_the_images_is_refused(tmp_path: Path) -> None:
    """Every slice would count as a patient, and a calibration would promise what does not hold."""
    (tmp_path / MANIFEST).write_text("file,patient\nelsewhere/a.png,1\n")
    with pytest.raises(
        DatasetError, match=r"lists 1 files \(such as elsewhere/a.png\) and none of the 1 images"
    ) as caught:
        patients_of(tmp_path, [tmp_path / "train/good/a.png"])
    assert "(such as train/good/a.png)" in str(caught.value)
    assert patients_of(tmp_path, []) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,who\na.png,1\n", "patient is not"),
        (b"", "file and patient is not"),
        (b"file,patient\na.png,1\na.png,2\n", "a.png twice"),
        (b"file,patient\n\xff\xfe.png,1\n", "cannot be read"),
    ],
)
def test_an_unusable_manifest_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(DatasetError, match=message) as refused:
        read_manifest(tmp_path)
    assert str(tmp_path / MANIFEST) in str(refused.value)


@pytest.mark.parametrize(
    ("name", "patients", "unknown"), [("brain_mri", 100, 0), ("liver_ct", 19, 0), ("retinal_oct", 53, 66)]
)
def test_the_patients_of_real_sets(name: str, patients: int, unknown: int, outside: Callable[[str], Path]) -> None:
    masks = {"label", "anomaly_mask"}
    files = [p for p in outside(f"data/bmad/{name}").rglob("*.*") if p.is_file() and not masks & set(p.parts)]
    told = [patient_of(file) for file in files]
    assert len({patient for patient in told if patient is not None}) == patients
    assert [file.name[:5] for file, patient in zip(files, told, strict=True) if patient is None] == ["chiu_"] * unknown
