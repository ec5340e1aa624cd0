"""Two witnesses: each as it is alone, together as the verdict says."""

import pytest
import torch
from torch import Tensor

from monai_sar.networks import TwoWitnesses
from monai_sar.networks.two_witnesses import AbnormalIntensity, Verdict, patch_intensity

GENERATOR = torch.Generator().manual_seed(0)
ERRORS = torch.rand(5000, generator=GENERATOR)
INTENSITIES = torch.randn(5000, generator=GENERATOR).mul(0.1).add(0.5).clamp(0.05, 1)


def fitted(intensity: AbnormalIntensity, verdict: Verdict = "least") -> TwoWitnesses:
    witnesses = TwoWitnesses(intensity, verdict)
    witnesses.fit(ERRORS, INTENSITIES)
    return witnesses


def grid(*values: float) -> Tensor:
    return torch.tensor(values).view(1, 1, 1, -1)


def test_without_a_second_witness_the_error_is_the_score() -> None:
    error = torch.rand(2, 1, 3, 4)
    assert torch.equal(TwoWitnesses()(error, torch.rand(2, 1, 3, 4)), error)


@pytest.mark.parametrize("side", ["bright", "dark", "both"])
def test_the_least_surprised_speaks_or_both_add_up(side: AbnormalIntensity) -> None:
    error, intensity = torch.rand(2, 1, 3, 4), torch.rand(2, 1, 3, 4)
    least, both = fitted(side), fitted(side, "sum")
    of_error = least.error(error)
    of_intensity = both(error, intensity) - of_error
    torch.testing.assert_close(least(error, intensity), torch.minimum(of_error, of_intensity), atol=1e-5, rtol=1e-5)


def test_each_side_has_its_own_rarity() -> None:
    error, intensity = grid(0.9, 0.9, 0.9), grid(0.1, 0.5, 0.9)
    bright, dark, both = (fitted(side, "sum")(error, intensity).flatten() for side in ("bright", "dark", "both"))
    assert bright[2] > bright[1] > bright[0]
    assert dark[0] > dark[1] > dark[2]
    torch.testing.assert_close(both, torch.maximum(bright, dark))


def test_where_nothing_is_shown_nothing_is_dark() -> None:
    """Around a cut-out all is 0."""
    score = fitted("dark", "sum")(grid(0.5, 0.5), grid(0.0, 0.06)).flatten()
    assert score[0] == fitted("dark").error(torch.tensor(0.5))
    assert score[1] > score[0] + 5


def test_what_is_learnt_can_be_kept() -> None:
    witnesses, again = fitted("both"), TwoWitnesses("both")
    assert again.to_dict() is None
    again.load_dict(witnesses.to_dict())
    error, intensity = torch.rand(2, 1, 3, 4), torch.rand(2, 1, 3, 4)
    assert torch.equal(again(error, intensity), witnesses(error, intensity))
    again.load_dict(None)
    assert not again.fitted


@pytest.mark.parametrize("saved", [[], {"error": []}, {"error": [[0, 0], [1, 1]], "bright": None, "dark": None}])
def test_what_is_damaged_is_refused(saved: object) -> None:
    with pytest.raises(ValueError, match="lacks fields|pairs of numbers"):
        TwoWitnesses().load_dict(saved)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="abnormal intensity is 'light'; expected one of none, bright, dark, both"):
        TwoWitnesses("light")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="verdict is 'most'; expected one of least, sum"):
        TwoWitnesses("dark", "most")  # type: ignore[arg-type]


def test_a_patch_is_as_bright_as_what_it_shows() -> None:
    image = torch.zeros(1, 3, 8, 12)
    image[..., :4, :4] = 0.6
    image[..., :4, 4:6] = 0.8  # half of a patch
    image[..., 4:, 8:] = torch.rand(4, 4) + 0.1
    expected = torch.tensor([[0.6, 0.8, 0.0], [0.0, 0.0, float(image[0, 0, 4:, 8:].mean())]])
    torch.testing.assert_close(patch_intensity(image, 4)[0, 0], expected)


def test_the_last_patches_are_filled_up_as_the_encoder_does() -> None:
    image = torch.rand(2, 1, 9, 14) + 0.1
    filled = torch.nn.functional.pad(image, (0, 2, 0, 3), mode="replicate")
    assert torch.equal(patch_intensity(image, 4), patch_intensity(filled, 4))
