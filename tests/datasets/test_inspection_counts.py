"""What is counted in a set: kinds of pixels, sizes, formats; and the counts that BMAD is known by."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_sar.datasets.inspection import inspect_bmad
from monai_sar.datasets.inspection.image_facts import BONE, COLOURED, GREY_AS_RGB
from monai_sar.datasets.inspection.official_counts import BMAD_COUNTS, find_official_counts
from monai_sar.scans.bone_colormap import bone_lut
from tests.datasets.clean_set import picture, save, write_clean_set


def test_kinds_of_pixels_sizes_and_formats_are_counted(tmp_path: Path) -> None:
    root = write_clean_set(tmp_path)
    train = root / "train/good"
    save(train / "phantom_0000_s00.png", picture(50).astype(np.uint16) * 257)
    save(train / "phantom_0000_s01.png", bone_lut()[picture(51)])
    save(train / "phantom_0001_s00.png", np.repeat(picture(52)[..., None], 3, axis=-1))
    save(train / "phantom_0001_s01.png", picture(53, (7, 9)))
    (train / "phantom_0002_s00.png").unlink()
    Image.fromarray(picture(54)).save(train / "phantom_0002_s00.tif")
    (train / "phantom_0002_s01.png").unlink()
    Image.fromarray(picture(55) > 127).save(train / "phantom_0002_s01.bmp")
    place = inspect_bmad(root).places[0]
    assert place.pixels == {
        "8-bit grey": 2,
        "16-bit grey": 1,
        BONE: 1,
        GREY_AS_RGB: 1,
        "1-bit grey": 1,
    }
    assert COLOURED not in place.pixels
    assert place.sizes == {"12 x 10": 5, "7 x 9": 1}
    assert place.formats == {"PNG": 4, "TIFF": 1, "BMP": 1}


@pytest.mark.parametrize("name", BMAD_COUNTS)
def test_official_counts_are_recognised_and_near_ones_compared(name: str) -> None:
    counts = dict(BMAD_COUNTS[name])
    (finding,) = find_official_counts(counts)
    assert (finding.severity, finding.message) == ("note", f"found the counts of {name}.")
    counts["test", "Ungood"] -= 1
    (finding,) = find_official_counts(counts)
    assert finding.severity == "warning"
    assert f"test/Ungood {counts['test', 'Ungood']} instead of {counts['test', 'Ungood'] + 1}" in finding.message
    assert find_official_counts({place: number + 1 for place, number in counts.items()}) == []
    assert find_official_counts({}) == []
