"""Names of sets of images."""

from pathlib import Path
from typing import Any

from monai_sar.engines import images_digest


def items(folder: Path, contents: list[bytes]) -> list[dict[str, Any]]:
    folder.mkdir()
    for index, content in enumerate(contents):
        (folder / f"{index}.png").write_bytes(content)
    return [{"image": str(folder / f"{index}.png"), "abnormal": 0} for index in range(len(contents))]


def test_content_and_order_matter_and_nothing_else(tmp_path: Path) -> None:
    name = images_digest(items(tmp_path / "a", [b"x", b"y"]))
    assert name.startswith("2 scans, SHA-256 ")
    assert images_digest(items(tmp_path / "elsewhere", [b"x", b"y"])) == name
    for other in ([b"y", b"x"], [b"x"], [b"x", b"y", b"y"], [b"x", b"z"], [b"xy", b""]):
        assert images_digest(items(tmp_path / f"{len(list(tmp_path.iterdir()))}", other)) != name


def test_masks_matter(tmp_path: Path) -> None:
    scans = items(tmp_path / "a", [b"x", b"y"])
    mask, other = tmp_path / "mask.nii", tmp_path / "other.nii"
    mask.write_bytes(b"m")
    other.write_bytes(b"o")
    names = [
        images_digest([scans[0] | masks, scans[1]])
        for masks in ({}, {"label": str(mask)}, {"label": str(other)}, {"label": str(mask), "region": str(other)})
    ]
    assert len(set(names)) == 4


def test_a_series_is_the_files_of_its_folder(tmp_path: Path) -> None:
    items(tmp_path / "series", [b"x", b"y"])
    (tmp_path / "series" / ".hidden").write_bytes(b"of the file system")
    name = images_digest([{"image": str(tmp_path / "series")}])
    (tmp_path / "series" / ".hidden").unlink()
    assert images_digest([{"image": str(tmp_path / "series")}]) == name
    (tmp_path / "series" / "1.png").write_bytes(b"z")
    assert images_digest([{"image": str(tmp_path / "series")}]) != name
