"""The report is one sound page: everything in it, nothing outside it."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from monai_sar.calibration.calibration import Calibration
from monai_sar.evaluation import Evaluation
from monai_sar.evaluation.cases import choose_cases
from monai_sar.evaluation.evaluation_report import Case, _colour_limits, write_evaluation_report
from monai_sar.evaluation.glimpse import Glimpse, glimpse
from tests.evaluation.images import Labelled, calibration, labelled, labelled_volumes

SECTIONS = {"metrics", "curves", "scores", "calibration", "lesions", "cases", "scans", "definitions", "settings"}
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """What a page holds; elements that are not closed in order are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            if name == "id":
                self.ids.add(value or "")
            if name in ("src", "href", "srcset", "action"):
                self.addresses.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def report(
    path: Path,
    data: Labelled,
    calibrated: Calibration | None = None,
    split: str = "test",
    shown: int = 2,
    glimpsed: tuple[int, ...] = (),
) -> Page:
    settings = {"preprocessing": {"modality": "brain_mri"}, "note": "<script>alert(1)</script>"}
    identity = {
        "data": "4 scans, SHA-256 00ff",
        "checkpoint_sha256": "abcd",
        "calibration": None
        if calibrated is None
        else {"scans": 40, "kind": calibrated.kind, "units": 40, "unit": "patient"},
        "settings": settings,
        "versions": {"monai-sar": "0", "torch": "1"},
    }
    evaluation = Evaluation(split, data.collected(calibrated), {"brightness_pixel_auroc": 0.5}, identity)
    cases = {name: group[:shown] for name, group in choose_cases(evaluation.collected).items()}
    glimpses = {number: small(case(data, number)) for number in glimpsed}
    write_evaluation_report(path, evaluation, cases, lambda number: case(data, number), glimpses)
    return Page(path.read_text(encoding="utf-8"))


def case(data: Labelled, number: int) -> Case:
    score = data.scores[number][0].numpy()
    return Case(
        number=number,
        image=np.clip(score / 10, 0, 1),
        score=score,
        region=data.regions[number][0].numpy(),
        lesion=data.masks[number][0].numpy() != 0,
        spacing=None if data.voxel_ml is None else (1.0, 1.0, 2.0),
    )


def small(whole: Case) -> Glimpse:
    return glimpse(whole.image, whole.score, whole.region, whole.lesion)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return report(tmp_path_factory.mktemp("report") / "report.html", labelled(), calibration())


def test_all_sections_and_diagrams_are_there(full: Page) -> None:
    assert full.ids == SECTIONS
    kinds = [re.match(r"data:([\w/+]+);base64,", address) for address in full.addresses]
    assert all(kinds)
    assert [kind[1] for kind in kinds if kind] == ["image/svg+xml"] * 7 + ["image/jpeg"] * 8
    for words in ("Evaluation: Brain MRI, test split", "calibrated for 5 %", "oracle", "Best: scan", "Worst: scan"):
        assert words in full.text
    assert full.text.count("Research use only") == 2


def test_pictures_are_pictures_with_labelled_axes(full: Page) -> None:
    for address in full.addresses:
        content = base64.b64decode(address.split(",")[1])
        if "svg" in address[:20]:
            root = ElementTree.fromstring(content)  # noqa: S314 (our own)
            assert root.tag.endswith("svg")
            assert b"<script" not in content
        else:
            with Image.open(io.BytesIO(content)) as picture:
                assert picture.width > 300


def test_nothing_comes_from_outside_and_nothing_runs(full: Page) -> None:
    assert not {"script", "link", "iframe", "object", "base"} & full.tags
    assert all(address.startswith("data:") for address in full.addresses)
    # settings are text, whatever they hold
    assert "<script>alert(1)" not in full.text or "script" not in full.tags


def test_the_page_is_the_same_every_time(tmp_path: Path) -> None:
    data = labelled(patients=6, images=2)
    for name in ("one.html", "two.html"):
        report(tmp_path / name, data, shown=0)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    data = labelled(patients=6, images=2)
    plain = report(tmp_path / "plain.html", data, shown=0)
    assert "Not calibrated: run monai-sar calibrate" in plain.text
    assert "Best Dice (oracle)" in plain.text
    assert "One of the classes has 6 patients" in plain.text
    normal = report(tmp_path / "normal.html", data.only(abnormal=False), calibration(), split="valid", shown=0)
    assert normal.ids == SECTIONS
    assert "This set has no lesions that are scored" in normal.text
    assert "undefined: no abnormal scans in this set" in normal.text
    assert "the realised rates are no test of it" in normal.text
    abnormal = report(tmp_path / "abnormal.html", data.only(abnormal=True), calibration(), shown=0)
    assert "no normal scans to hold the calibration to account" in abnormal.text


def test_of_a_calibration_that_promises_no_rate_p_values_alone_are_shown(tmp_path: Path, full: Page) -> None:
    few = replace(calibration(), rates=(), pixel_thresholds=(), scan_thresholds=())
    page = report(tmp_path / "few.html", labelled(), few, shown=0)
    assert "too few to promise a false-positive rate: there are no thresholds, but p-values" in page.text
    assert "No threshold was promised: this one is the oracle's." in page.text
    assert "No threshold was promised" not in full.text
    drawn = [b"".join(base64.b64decode(address.split(",")[1]) for address in each.addresses) for each in (page, full)]
    assert all(b"scans, every rate" in diagrams for diagrams in drawn)
    assert [b"mean of patients" in diagrams for diagrams in drawn] == [False, True]


def test_every_scan_has_a_row_by_score_and_volumes_are_told_in_millilitres(tmp_path: Path) -> None:
    data = labelled_volumes()
    page = report(tmp_path / "volumes.html", data, calibration(kind="volumes"), shown=1)
    words = page.text
    names = re.findall(r"scan_\d+\.nii", words[words.index("All scans") :])
    order = np.argsort([-facts.score for facts in data.collected().facts], kind="stable")
    assert names == [f"scan_{number}.nii" for number in order]
    assert "flagged, ml" in words
    assert "size in ml" in words
    pictures = [address for address in page.addresses if "image/jpeg" in address]
    assert len(pictures) == 4
    for address in pictures:  # several slices beside each other
        with Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))) as picture:
            assert picture.width > picture.height


def test_volumes_of_a_detector_calibrated_on_slices_get_no_p_value_and_are_told_why(tmp_path: Path) -> None:
    page = report(tmp_path / "report.html", labelled_volumes(), calibration(kind="slices"), shown=0)
    assert "12 of 12 scans: no p-value: the detector is calibrated on single slices" in page.text
    assert "normal voxels flagged" in page.text
    drawn = b"".join(base64.b64decode(address.split(",")[1]) for address in page.addresses)
    assert b"voxels, mean of patients" in drawn
    assert b"scans, mean of patients" not in drawn
    assert b"scans, every rate" not in drawn


def test_an_inverted_mask_is_told_by_the_number_of_its_scan(tmp_path: Path) -> None:
    data = labelled(patients=6, images=2)
    masks = [1 - mask if number == 3 else mask for number, mask in enumerate(data.masks)]
    inverted = report(tmp_path / "inverted.html", replace(data, masks=masks), shown=0)
    assert "The lesion mask of scan 4 covers more than half of the region or of the scan" in inverted.text
    assert "inverted" not in report(tmp_path / "plain.html", data, shown=0).text


def test_scans_without_a_mask_are_counted_and_have_no_lesion_figures(tmp_path: Path) -> None:
    data = labelled_volumes()
    masks = [mask * (number != 1) for number, mask in enumerate(data.masks)]
    page = report(tmp_path / "unknown.html", replace(data, masks=masks, unknown=(1,)), shown=1)
    assert "1 abnormal scan has no mask of the lesions: counted among the scans" in page.text
    assert "flagged, ml" in page.text
    nobody = report(tmp_path / "nobody.html", replace(data, masks=masks, unknown=tuple(range(12))), shown=1)
    assert "12 abnormal scans have no mask of the lesions" in nobody.text


def test_patients_have_a_small_picture_each_and_it_is_said_who_has_none(tmp_path: Path) -> None:
    data = labelled_volumes()  # six patients
    page = report(tmp_path / "some.html", data, shown=0, glimpsed=(1, 3, 9))
    assert sum("image/jpeg" in address for address in page.addresses) == 3
    assert "The 3 patients with the highest scores have one, the other 3 have none" in page.text
    every = report(tmp_path / "all.html", data, shown=0, glimpsed=(1, 3, 5, 7, 9, 11))
    assert "have none" not in every.text
    assert "A picture shows" not in report(tmp_path / "none.html", data, shown=0).text


def test_pictures_have_one_range_of_colours() -> None:
    """From the median of the whole set to the highest score of those that are shown."""
    data = labelled_volumes()
    collected = data.collected()
    evaluation = Evaluation("test", collected, {})
    scores = np.concatenate([score[region] for score, region in zip(data.scores, data.regions, strict=True)])
    low, high = _colour_limits(evaluation, [0, 5])
    assert low == pytest.approx(np.median(scores), rel=0.01)
    (oracle,) = evaluation.points
    assert high == max(*collected.scores[[0, 5]], oracle.pixel_threshold + abs(oracle.pixel_threshold - low))
