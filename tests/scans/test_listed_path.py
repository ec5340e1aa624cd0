"""A listed path means the file that is there, however it is spelled and whatever links lead to it."""

from pathlib import Path

import pytest

from monai_sar.scans.listed_path import listed_path, path_key


@pytest.mark.parametrize(
    ("on_disk", "listed"),
    [
        ("a/b.nii", "a\\b.nii"),
        ("a/b.nii", "./a/../a/b.nii"),
        ("a/b.nii", "~/base/a/b.nii"),
        ("\u00e4", "a\u0308"),
        ("a\u0308", "\u00e4"),
        ("a\\b", "a\\b"),
        ("~no_such_user", "~no_such_user"),
        ("~root", "~root"),
    ],
)
def test_every_spelling_finds_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_disk: str, listed: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "base" / on_disk
    file.parent.mkdir(parents=True)
    file.touch()
    assert listed_path(listed, tmp_path / "base") == file
    assert path_key(listed, tmp_path / "base") == path_key(on_disk, tmp_path / "base")


def test_the_file_as_listed_comes_first(tmp_path: Path) -> None:
    (tmp_path / "\u00e4").touch()
    (tmp_path / "a\u0308").touch()
    assert [listed_path(name, tmp_path).name for name in ("\u00e4", "a\u0308")] == ["\u00e4", "a\u0308"]


def test_what_is_not_there_stays_as_listed(tmp_path: Path) -> None:
    assert listed_path("absent.nii", tmp_path) == tmp_path / "absent.nii"
    assert not listed_path("x" * 5000, tmp_path).name.startswith("y")
    assert path_key("/elsewhere/a", tmp_path) == "/elsewhere/a"


def test_the_way_out_of_a_linked_folder_is_found_either_way(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "deep")
    (tmp_path / "beside_link").touch()
    (tmp_path / "real" / "beside_real").touch()
    assert listed_path("../beside_link", tmp_path / "link") == tmp_path / "beside_link"
    assert listed_path("../beside_real", tmp_path / "link").samefile(tmp_path / "real" / "beside_real")
