"""Names of sets of images."""

from pathlib import Path

from monai_sar.engines import images_digest


def items(folder: Path, contents: list[bytes]) -> list[dict[str, object]]:
    folder.mkdir()
    for index, content in enumerate(contents):
        (folder / f"{index}.png").write_bytes(content)
    return [{"image": folder / f"{index}.png", "abnormal": 0} for index in range(len(contents))]


def test_content_and_order_matter_and_nothing_else(tmp_path: Path) -> None:
    name = images_digest(items(tmp_path / "a", [b"x", b"y"]))
    assert name.startswith("2 images, SHA-256 ")
    assert images_digest(items(tmp_path / "elsewhere", [b"x", b"y"])) == name
    for other in ([b"y", b"x"], [b"x"], [b"x", b"y", b"y"], [b"x", b"z"], [b"xy", b""]):
        assert images_digest(items(tmp_path / f"{len(list(tmp_path.iterdir()))}", other)) != name
