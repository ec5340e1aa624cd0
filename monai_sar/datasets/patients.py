"""Which patient an image of a data set is of: told by ``manifest.csv``, or by the name of the file.

Slices of one patient resemble each other. So splits are divided by patient, and a calibration counts patients. A
name tells the patient only if it follows a naming that is in the table below; any other patient is unknown, never
guessed.
"""

import csv
import io
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.scans.listed_path import path_key
from monai_sar.scans.scan import ScanError
from monai_sar.scans.scan_name import scan_name
from monai_sar.scans.text_file import read_text

__all__ = ["MANIFEST", "NAMINGS", "Naming", "find_naming", "patient_of", "patients_of", "read_manifest"]

MANIFEST = "manifest.csv"
"""Name of the file in the root of a data set that says which patient each image is of."""


@dataclass(frozen=True)
class Naming:
    """One way in which slices are named.

    Attributes:
        title: what is named so.
        example: the name of a file.
        pattern: what the whole stem matches.
        patient: the patient, with the groups of the pattern; the same for every spelling of one patient.
        source: who names slices so.
    """

    title: str
    example: str
    pattern: str
    patient: str
    source: str

    def patient_of(self, path: str | os.PathLike[str]) -> str | None:
        """Return the patient that the name of a file tells, or None if it does not follow this naming."""
        found = re.fullmatch(self.pattern, scan_name(path))
        return None if found is None else found.expand(self.patient)


NAMINGS = (
    Naming(
        title="phantoms",
        example="phantom_0012_s03.png",
        pattern=r"phantom_(\d{4,})_s\d{2,}",
        patient=r"phantom_\1",
        source="the command monai-sar phantoms; the number is the subject's",
    ),
    Naming(
        title="BraTS2021",
        example="BraTS2021_00003_75.png",
        pattern=r"BraTS2021_(\d{5})(?:_\w+)?",
        patient=r"BraTS2021_\1",
        source="BraTS 2021 (arXiv 2107.02314): one case is one patient",
    ),
    Naming(
        title="BMAD Brain MRI",
        example="00003_75.png",
        pattern=r"(0[01]\d{3})_\d{1,3}",  # the cases of BraTS2021 are 00000 to 01666, each of 155 slices
        patient=r"BraTS2021_\1",
        source="BMAD's README (repository DorisBao/BMAD): the case of BraTS2021 and the slice",
    ),
    Naming(
        title="BIDS",
        example="sub-07_ses-1_FLAIR.nii.gz",
        pattern=r"sub-([A-Za-z0-9]+)(?:_.+)?",
        patient=r"sub-\1",
        source="Brain Imaging Data Structure 1.10, entity sub (https://bids-specification.readthedocs.io)",
    ),
    Naming(
        title="TCGA",
        example="TCGA_CS_5397_20010315_10.png",
        pattern=r"TCGA([-_])([A-Z0-9]{2})\1([A-Z0-9]{4})(?:[-_]\w+)?",
        patient=r"TCGA-\2-\3",
        source="TCGA's barcode (project, site, participant); LGG MRI segmentation adds the date and the slice",
    ),
    Naming(
        title="LiTS",
        example="volume-12_345.png",
        pattern=r"(?:volume-|liver_)(\d{1,3})(?:_\w+)?",
        patient=r"LiTS-\1",
        source="LiTS (arXiv 1901.04056): volume-N.nii; liver_N_SLICE in BMAD's data/liver/liver.py",
    ),
    Naming(
        title="BMAD Liver CT, LiTS",
        example="12_345.png",
        pattern=r"(\d|[1-9]\d|1[0-2]\d|130)_\d{1,3}",  # LiTS numbers 0 to 130, without leading zeros
        patient=r"LiTS-\1",
        source="BMAD's data/liver/liver.py: the volume of LiTS and the slice",
    ),
    Naming(
        title="BTCV",
        example="img_0012_34_hist.png",
        pattern=r"img_?(\d{4})_\d{1,3}(?:_\w+)?",
        patient=r"BTCV-\1",
        source="BTCV (Synapse syn3193805): imgNNNN.nii.gz, one patient each",
    ),
    Naming(
        title="BTCV, numbered anew",
        example="btcv_c01_012.png",
        pattern=r"btcv_c(\d{2})_\d{1,3}",
        patient=r"btcv_c\1",
        source="BTCV repackaged as cases c00, c01, ...; not the numbers of BTCV itself",
    ),
    Naming(
        title="3D-IRCADb",
        example="ircad17_090.png",
        pattern=r"ircad(\d{1,2})_\d{1,3}",
        patient=r"ircad\1",
        source="3D-IRCADb-01: patients 1 to 20",
    ),
    Naming(
        title="Kermany",
        example="NORMAL-4872585-1.jpeg",
        pattern=r"(?:CNV|DME|DRUSEN|NORMAL)-(\d+)-\d+",
        patient=r"Kermany-\1",
        source="Kermany 2018 (doi 10.17632/rscbjbr9sj): disease, randomised patient, image of this patient",
    ),
    Naming(
        title="RESC",
        example="P0067_MacularCube512x128_4-28-2014_17-15-21_OS_sn21294_cube_z_53.png",
        pattern=r"(PC?\d{3,4})_MacularCube\d+x\d+_.+",
        patient=r"RESC-\1",
        source="AI Challenger 2018 retinal edema: Cirrus exports begin with the patient; OD, OS are the eyes",
    ),
    Naming(
        title="healthy Spectralis volumes",
        example="healthy1_61A28C70.png",
        pattern=r"(healthy\d+)_[0-9A-F]+",
        patient=r"\1",
        source="Spectralis exports name each B-scan by its number in hexadecimal digits",
    ),
)
"""The known namings. No name matches two of them."""


def find_naming(path: str | os.PathLike[str]) -> Naming | None:
    """Return the naming that the name of a file follows, or None."""
    return next((naming for naming in NAMINGS if naming.patient_of(path) is not None), None)


def patient_of(path: str | os.PathLike[str]) -> str | None:
    """Return the patient that the name of a file tells, or None.

    Two files of one patient give the same text even where they are named in two ways. Where a data set may have a
    manifest, :func:`patients_of` goes by it.

    Args:
        path: the file; only its name is looked at.

    Example:
        >>> patient_of("test/good/img/00003_75.png"), patient_of("BraTS2021_00003_80.png")
        ('BraTS2021_00003', 'BraTS2021_00003')
        >>> patient_of("chiu_021.png") is None
        True
    """
    naming = find_naming(path)
    return None if naming is None else naming.patient_of(path)


def patients_of(root: str | os.PathLike[str], images: Iterable[Path]) -> dict[Path, str | None]:
    """Return the patient of each image of a data set, None where unknown.

    If the root holds a ``manifest.csv``, it alone tells: what is not in it is unknown, because a name would put the
    same patient under another text. It may list the folder of a series, or each of its files.

    Args:
        root: the folder of the data set.
        images: files below it.

    Raises:
        DatasetError: ``manifest.csv`` cannot be used, see :func:`read_manifest`, or lists none of the images. To take
            each image for a patient of its own then would promise what does not hold.
    """
    images = list(images)
    manifest = read_manifest(root)
    if manifest is None:
        return {image: patient_of(image) for image in images}
    folders = {str(PurePosixPath(file).parent): patient for file, patient in manifest.items()}
    keys = {image: path_key(str(image.absolute()), Path(root)) for image in images}
    listed = {**folders, **manifest}
    if images and not any(key in listed for key in keys.values()):
        raise DatasetError(
            f"{Path(root) / MANIFEST}: lists {len(manifest)} files{_for_instance(manifest)} and none of the "
            f"{len(images)} images{_for_instance(keys.values())}; expected paths below {root}, as the second. Correct "
            "the paths, or remove the manifest to go by the names of the files."
        )
    return {image: listed.get(key) for image, key in keys.items()}


def _for_instance(files: Iterable[str]) -> str:
    first = next(iter(files), None)
    return "" if first is None else f" (such as {first})"


def read_manifest(root: str | os.PathLike[str]) -> dict[str, str | None] | None:
    """Return the patient of each file that ``manifest.csv`` lists (None: left empty), or None without a manifest.

    The keys are those of :func:`monai_sar.scans.listed_path.path_key`.

    The manifest is a table with a header row. ``file`` is a path relative to the root, or an absolute one, in any
    spelling (see :mod:`monai_sar.scans.listed_path`). ``patient`` is any text that is the same for all files of
    one patient; other columns are left to whoever wrote them.

    Args:
        root: the folder of the data set.

    Raises:
        DatasetError: the manifest cannot be read, lacks a column, or gives one file two patients.
    """
    path = Path(root) / MANIFEST
    if not path.is_file():
        return None
    try:
        table = csv.DictReader(io.StringIO(read_text(path), newline=""))
        columns = [column.strip() for column in table.fieldnames or ()]
        table.fieldnames = columns
        rows = list(table)
    except (OSError, ScanError, csv.Error) as error:
        raise DatasetError(
            f"{path}: found, but cannot be read ({error}); expected a table in CSV, UTF-8. Write it again, or remove "
            "it to go by the names of the files."
        ) from error
    if missing := {"file", "patient"} - set(columns):
        raise DatasetError(
            f"{path}: found the columns {', '.join(columns) or 'none'}; expected file and patient among them, "
            f"{' and '.join(sorted(missing))} is not. Add what is missing, or remove the manifest to go by the names "
            "of the files."
        )
    patients: dict[str, str | None] = {}
    for row in rows:
        file = path_key((row["file"] or "").strip(), Path(root))
        patient = (row["patient"] or "").strip() or None
        if patients.setdefault(file, patient) != patient:
            raise DatasetError(
                f"{path}: found {file} twice, with two patients; expected each file once. Remove the wrong row."
            )
    return patients
