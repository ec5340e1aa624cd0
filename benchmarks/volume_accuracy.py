"""How well one volume's map points at its known lesions, inside the region that is scored.

    python benchmarks/volume_accuracy.py SCAN LESION --bundle bundles/liver_ct_anomaly --checkpoint model.pt \
        --region LIVER --encoder-weights WEIGHTS --output FOLDER

Prints pixel AUROC and average precision of the map and of plain darkness and brightness, the share of the highest 1 %
of the scores that lies in the lesion, and how the score is distributed in the lesion and in the rest. One volume with a
lesion shows that the path works, not how good it is.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from monai.transforms import LoadImage
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from monai_sar.inferers import ScanPredictor
from monai_sar.results import write_result
from monai_sar.transforms import OrientSlices


def main(
    scan: Annotated[Path, typer.Argument(help="NIfTI file, or folder of a DICOM series.")],
    lesion: Annotated[Path, typer.Argument(help="Volume on its grid, not 0 in lesions.")],
    bundle: Annotated[Path, typer.Option(help="Folder of the bundle.")],
    checkpoint: Annotated[Path, typer.Option(help="Trained weights.")],
    region: Annotated[Path | None, typer.Option(help="Mask of what is scored, on the scan's grid.")] = None,
    encoder_weights: Annotated[str, typer.Option(help="File of the encoder, hub or random.")] = "hub",
    output: Annotated[Path | None, typer.Option(help="Folder for the map and its picture.")] = None,
) -> None:
    """Measure one volume."""
    predictor = ScanPredictor.from_bundle(bundle, ckpt_path=checkpoint, encoder_weights=encoder_weights)
    result = predictor(scan, region=region)
    if output is not None:
        write_result(result, output)
    outline = LoadImage(image_only=True, ensure_channel_first=True)(lesion)
    truth = OrientSlices("axial")(outline).numpy()[0] > 0
    inside = result.display.region[0].numpy()
    scores = result.display.anomaly_map[0].numpy()[inside]
    shown = result.display.image[0].numpy()[inside]
    abnormal = truth[inside]
    print(f"{scan}: score {result.score:.3f}, {result.provenance.runtime_s} s, {result.provenance.peak_memory_mib} MiB")
    print(f"voxels scored {abnormal.size}, of lesions {abnormal.sum()} ({abnormal.mean():.1%})")
    for name, values in (("map", scores), ("darkness", -shown), ("brightness", shown)):
        print(
            f"{name:11} AUROC {roc_auc_score(abnormal, values):.3f}  AP {average_precision_score(abnormal, values):.3f}"
        )
    highest = np.argsort(scores)[-max(1, scores.size // 100) :]
    print(f"of the highest 1 % of the scores {abnormal[highest].mean():.1%} lie in lesions")
    print(f"quartiles in lesions {_quartiles(scores[abnormal])}, elsewhere {_quartiles(scores[~abnormal])}")


def _quartiles(values: NDArray[np.float32]) -> str:
    return " ".join(f"{value:.3f}" for value in np.percentile(values, (25, 50, 75)))


if __name__ == "__main__":
    typer.run(main)
