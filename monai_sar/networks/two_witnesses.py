"""What the prediction error and plain intensity say together."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from monai_sar.networks.rarity import Rarity

__all__ = ["AbnormalIntensity", "TwoWitnesses", "Verdict", "patch_intensity"]

AbnormalIntensity = Literal["none", "bright", "dark", "both"]
"""Which side of the normal intensities counts."""

Verdict = Literal["least", "sum"]
"""How two witnesses are put together."""

PARTS = ("error", "bright", "dark")


class TwoWitnesses(nn.Module):
    """Prediction error and intensity of patches, each as how rare it is among normal patches, put together.

    Both err, in different places: embeddings on what is seldom and healthy, intensity on healthy tissue that is as
    bright as a lesion. Of what is left when each has had its say, lesions are a larger part (benchmarks/README.md).

    Args:
        intensity: which intensities are abnormal: bright ones (lesions in FLAIR), dark ones (tumours of the liver in
            the portal venous phase), both; with ``"none"`` the error alone counts, as it is (the paper).
        verdict: ``"least"``: as rare as the less surprised of the two finds it, so that both must be surprised;
            ``"sum"``: the sum of both, so that one may be enough.

    Raises:
        ValueError: an unknown name.
    """

    def __init__(self, intensity: AbnormalIntensity = "none", verdict: Verdict = "least") -> None:
        super().__init__()
        for name, value, names in (
            ("abnormal intensity", intensity, get_args(AbnormalIntensity)),
            ("verdict", verdict, get_args(Verdict)),
        ):
            if value not in names:
                raise ValueError(f"The {name} is {value!r}; expected one of {', '.join(names)}.")
        self.intensity: AbnormalIntensity = intensity
        self.verdict: Verdict = verdict
        self.error, self.bright, self.dark = Rarity(), Rarity(), Rarity()

    @property
    def fitted(self) -> bool:
        """Whether it knows normal patches."""
        return bool(self.error.points)

    def forward(self, error: Tensor, intensity: Tensor) -> Tensor:
        """Put together what patches ``[B, 1, h, w]`` show.

        Args:
            error: of the prediction.
            intensity: mean of the patch, 0 to 1; see :func:`patch_intensity`.

        Returns:
            ``[B, 1, h, w]``, in bits; the error itself, if intensity does not count.
        """
        if self.intensity == "none":
            return error
        of_error, of_intensity = self.error(error), self._of_intensity(intensity)
        return torch.minimum(of_error, of_intensity) if self.verdict == "least" else of_error + of_intensity

    def _of_intensity(self, intensity: Tensor) -> Tensor:
        if self.intensity == "bright":
            return self.bright(intensity)  # type: ignore[no-any-return]
        dark: Tensor = self.dark(-intensity) * (intensity > 0)  # where nothing is shown, nothing is dark
        return dark if self.intensity == "dark" else torch.maximum(self.bright(intensity), dark)

    def fit(self, errors: Tensor, intensities: Tensor) -> None:
        """Learn what is usual from normal patches: ``[N]`` each.

        Raises:
            ValueError: too few, or all the same.
        """
        self.error.fit(errors)
        self.bright.fit(intensities)
        self.dark.fit(-intensities)

    def to_dict(self) -> dict[str, Any] | None:
        """What was learnt, as JSON would hold it; None before."""
        return {part: list(map(list, getattr(self, part).points)) for part in PARTS} if self.fitted else None

    def load_dict(self, saved: Any) -> None:
        """Take over what :meth:`to_dict` gave. It may come from anywhere, so it is checked.

        Raises:
            ValueError: it is something else.
        """
        if saved is None:
            self.error, self.bright, self.dark = Rarity(), Rarity(), Rarity()
            return
        if not isinstance(saved, Mapping) or saved.keys() != set(PARTS):
            raise ValueError("What is usual in normal patches lacks fields, or has more.")
        for part in PARTS:
            getattr(self, part).load_points(saved[part])


def patch_intensity(image: Tensor, patch_size: int) -> Tensor:
    """Mean intensity of every patch, over its channels and the pixels that show something.

    Pixels of exactly 0 do not: borders of a letterbox, what lies around a cut-out organ, air in a window of CT. A patch
    half in an organ is as bright as that half.

    Args:
        image: ``[B, C, H, W]``, intensities in [0, 1]; filled up to whole patches as the encoder does.
        patch_size: in pixels.

    Returns:
        ``[B, 1, h, w]``; 0 where nothing is shown.
    """
    below, right = -image.shape[-2] % patch_size, -image.shape[-1] % patch_size
    grey = image.mean(1, keepdim=True)
    if below or right:
        grey = F.pad(grey, (0, right, 0, below), mode="replicate")
    shown = F.avg_pool2d((grey > 0).to(grey), patch_size)
    return F.avg_pool2d(grey, patch_size) / shown.clamp_min(1 / patch_size**2)
