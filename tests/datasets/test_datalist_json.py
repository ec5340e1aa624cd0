"""Datalists in JSON: what is listed comes back, and what is wrong is told, all of it, before anything is read."""

import json
from pathlib import Path
from typing import Any

import pytest
from monai.data import load_decathlon_datalist

from monai_sar.datasets import DatasetError, load_data_set


def write(root: Path, document: Any, *, files: bool = True) -> Path:
    """Write a datalist, and an empty file for every path in it: listing reads none."""
    if files and isinstance(document, dict):
        for entries in document.values():
            for entry in entries if isinstance(entries, list) else ():
                for path in [entry] if isinstance(entry, str) else [entry.get(k) for k in ("image", "label", "region")]:
                    if isinstance(path, str):
                        (root / path).parent.mkdir(parents=True, exist_ok=True)
                        (root / path).touch()
    file = root / "dataset.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def good_list() -> dict[str, Any]:
    return {
        "name": "any text",
        "training": [{"image": "b/x.nii.gz", "patient": "P1"}, {"image": "a/x.nii.gz", "patient": 2}],
        "validation": [
            {"image": "c.nii", "label": "c_seg.nii", "region": "c_brain.nii", "patient": "P3"},
            {"image": "d.nii", "label": "d_seg.nii", "patient": "P4", "abnormal": 0},
            {"image": "e.nii", "patient": "P4", "abnormal": 0, "label": None, "scanner": "ours"},
        ],
        "testing": [{"image": "f.nii", "patient": "P5", "abnormal": 1}],
    }


def problems_of(file: Path, split: str = "train", **options: Any) -> list[str]:
    with pytest.raises(DatasetError) as caught:
        load_data_set(file, split, **options)  # type: ignore[arg-type]
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{file}: ") for line in lines)
    return [line.removeprefix(f"{file}: ") for line in lines]


def test_items_hold_what_is_known_and_nothing_else(tmp_path: Path) -> None:
    file = write(tmp_path, good_list())
    assert load_data_set(file, "train") == [
        {"image": str(tmp_path / "a/x.nii.gz"), "patient": "2", "abnormal": 0, "split": "train"},
        {"image": str(tmp_path / "b/x.nii.gz"), "patient": "P1", "abnormal": 0, "split": "train"},
    ]
    first, second, third = load_data_set(file, "valid")
    assert first == {
        "image": str(tmp_path / "c.nii"),
        "label": str(tmp_path / "c_seg.nii"),
        "region": str(tmp_path / "c_brain.nii"),
        "patient": "P3",
        "abnormal": 1,
        "split": "valid",
    }
    assert (second["abnormal"], second["label"]) == (0, str(tmp_path / "d_seg.nii"))
    assert "label" not in third
    assert load_data_set(file, "test")[0]["abnormal"] == 1


def test_images_and_labels_are_those_that_monai_finds(tmp_path: Path) -> None:
    file = write(tmp_path, good_list())
    for split, key in (("train", "training"), ("valid", "validation")):
        theirs = load_decathlon_datalist(file, data_list_key=key)
        ours = load_data_set(file, split)  # type: ignore[arg-type]
        assert {item["image"] for item in ours} == {item["image"] for item in theirs}
        assert {item.get("label") for item in ours} == {item.get("label") for item in theirs}


def test_a_patient_called_like_a_folder_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "P1").mkdir()
    items = load_data_set(write(tmp_path, good_list()), "train")
    assert items[1]["patient"] == "P1"


def test_scans_with_lesions_may_be_in_training(tmp_path: Path) -> None:
    file = write(tmp_path, {"training": [{"image": "a.nii", "label": "a_seg.nii"}]})
    (item,) = load_data_set(file, "train")
    assert (item["abnormal"], Path(item["label"]).name) == (1, "a_seg.nii")
    file = write(tmp_path, {"training": [{"image": "a.nii", "abnormal": 1}]})
    (problem,) = problems_of(file)
    assert problem.startswith("found abnormal scans without a label in training: 1 (a.nii)")


def test_names_tell_the_patients_where_no_item_does(tmp_path: Path) -> None:
    names = ["TCGA_CS_4941_19960909_flair.nii.gz", "other.nii.gz"]
    items = load_data_set(write(tmp_path, {"training": names}), "train")
    assert [item["patient"] for item in items] == ["TCGA-CS-4941", None]


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_folds_divide_the_training_items(tmp_path: Path, fold: int) -> None:
    training = [{"image": f"{n}.nii", "patient": f"P{n // 2}", "fold": n // 2 % 3} for n in range(12)]
    file = write(tmp_path, {"training": training, "testing": [{"image": "t.nii", "abnormal": 0}]})
    train, valid = (load_data_set(file, split, fold=fold) for split in ("train", "valid"))
    assert {item["split"] for item in train} == {"train"}
    assert {item["split"] for item in valid} == {"valid"}
    expected = {str(tmp_path / item["image"]) for item in training if item["fold"] == fold}  # type: ignore[operator]
    assert {item["image"] for item in valid} == expected
    assert len(train) + len(valid) == 12
    assert not {item["patient"] for item in train} & {item["patient"] for item in valid}
    assert len(load_data_set(file, "train")) == 12


def test_wrong_folds(tmp_path: Path) -> None:
    file = write(tmp_path, {"training": [{"image": f"{n}.nii", "patient": "P1", "fold": n} for n in range(2)]})
    assert "asked for fold 7, found the folds 0, 1 in training" in problems_of(file, fold=7)[0]
    assert "found patients in both training and validation: 1 (P1: 1 + 1 scans)" in problems_of(file, fold=1)[0]
    assert "Give a fold (0, 1)." in problems_of(file, "valid")[0]
    with pytest.raises(DatasetError, match="folders have no folds"):
        load_data_set(tmp_path, "train", fold=0)


def test_all_problems_are_told_together_with_at_most_five_names(tmp_path: Path) -> None:
    document = good_list()
    document["training"] += [{"image": "f.nii", "patient": "P5"}, {"image": "b/x.nii.gz", "patient": "P1"}]
    document["training"] += [{"image": f"gone{n}.nii", "patient": f"G{n}"} for n in range(7)]
    file = write(tmp_path, document)
    for gone in tmp_path.glob("gone*"):
        gone.unlink()
    problems = problems_of(file)
    assert len(problems) == 4
    text = "\n".join(problems)
    assert "found images in two splits: 1 (f.nii in training and testing)" in text
    assert "found images several times: 1 (x.nii.gz)" in text
    assert "found patients in both training and testing: 1 (P5: 1 + 1 scans)" in text
    assert f"found no such image: 7 ({tmp_path / 'gone0.nii'}, " in text
    assert "gone4" in text
    assert "gone5" not in text
    assert len(load_data_set(write(tmp_path, good_list()), "valid")) == 3


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"image": ["t1.nii", "t2.nii"]}, "found items whose image is a list of files: 1 (training 1)"),
        ({"image": "a.nii", "lable": "b.nii"}, "found the key 'lable' in items: 1 (a.nii); expected 'label'"),
        ({"image": "a.nii", "mask": "b.nii"}, "found the key 'mask' in items: 1 (a.nii); expected 'label'"),
        ({"image": "a.nii", "Patient": "b"}, "found the key 'Patient' in items: 1 (a.nii); expected 'patient'"),
        (
            {"imgae": "a.nii"},
            'found items without an image: 1 (training 1); expected {"image": "PATH", ...} (\'imgae\'',
        ),
        (7, "found items without an image: 1 (training 1)"),
        ({"image": "a.nii", "label": 3}, "found items whose label is no path: 1 (a.nii)"),
        ({"image": "a.nii", "abnormal": "yes"}, "found items whose abnormal is neither 0 nor 1: 1 (a.nii)"),
        ({"image": "a.nii", "fold": "one"}, "found items whose fold is no whole number: 1 (a.nii)"),
    ],
)
def test_what_is_wrong_with_an_item(tmp_path: Path, entry: Any, message: str) -> None:
    (problem,) = problems_of(write(tmp_path, {"training": [entry]}, files=False))
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "found, but cannot be read as JSON"),
        ("[" * 100_000, "found, but cannot be read as JSON"),
        ("[]", "found no keys; expected lists of items under training, validation and testing"),
        ('{"name": 1}', "found the keys name; expected lists"),
        ('{"trainning": []}', "found the key 1 ('trainning'); expected 'training'"),
        ('{"training": [], "val": []}', "found the key 1 ('val'); expected 'validation'"),
        ('{"testing": [], "test": []}', "found 1 (testing and test); expected one of them"),
        ('{"training": []}', "found no scans in training (0 in training, 0 in validation, 0 in testing)"),
    ],
    ids=lambda text: text[:20],
)
def test_a_file_that_is_no_datalist(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "dataset.json"
    file.write_text(text)
    assert problems_of(file)[0].startswith(message)
    with pytest.raises(DatasetError, match="found no such file"):
        load_data_set(tmp_path / "absent.json", "train")


def test_the_decathlons_test_images_say_not_whether_they_are_normal(tmp_path: Path) -> None:
    """Without a label they would count as normal: in a set of tumours the figures would be of something else."""
    file = write(tmp_path, {"training": ["a.nii"], "test": ["b.nii", "c.nii"]})
    assert len(load_data_set(file, "train")) == 1
    (problem,) = problems_of(file, "test")
    assert problem.startswith("found bare paths, of which nothing says whether the scans are normal: 2 (b.nii, c.nii)")


def test_an_item_without_label_and_abnormal_counts_as_normal(tmp_path: Path) -> None:
    file = write(tmp_path, {"testing": [{"image": "a.nii"}, {"image": "b.nii", "label": "c.nii"}]})
    assert [item["abnormal"] for item in load_data_set(file, "test")] == [0, 1]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_list_may_have_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    file = write(tmp_path, good_list())
    expected = load_data_set(file, "train")
    file.write_bytes(file.read_text(encoding="utf-8").encode(encoding))
    assert load_data_set(file, "train") == expected
