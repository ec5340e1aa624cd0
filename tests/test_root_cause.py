"""The error that an error comes from."""

import subprocess
import sys

from monai_sar._root_cause import root_cause
from monai_sar.datasets import DatasetError


def _wrapped(error: Exception, *, ours: bool) -> BaseException:
    """Ours, raised because of a library's error, and wrapped by MONAI twice."""
    try:
        try:
            try:
                raise OSError("zlib: incorrect header")
            except OSError as deepest:
                if ours:
                    raise error from deepest
                raise
        except Exception as middle:
            raise RuntimeError("applying transform") from middle
    except RuntimeError as outer:
        return outer


def test_it_is_our_own_error_not_what_lies_below() -> None:
    error = DatasetError("slice_3.png is damaged")
    assert root_cause(_wrapped(error, ours=True)) is error


def test_without_one_of_our_own_it_is_the_deepest() -> None:
    assert str(root_cause(_wrapped(ValueError(), ours=False))) == "zlib: incorrect header"


def test_from_none_hides_and_a_circle_ends() -> None:
    hidden = ValueError("for the user")
    hidden.__context__, hidden.__suppress_context__ = OSError("quotes the header"), True
    assert root_cause(hidden) is hidden
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert root_cause(first) is second


def test_a_process_ends_with_it() -> None:
    script = (
        "from monai_sar import show_root_cause\nshow_root_cause()\n"
        "try:\n    raise OSError('disk full')\n"
        "except OSError as error:\n    raise RuntimeError('expression') from error"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.rstrip().splitlines()[-1] == "The reason: disk full"
