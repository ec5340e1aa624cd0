"""Say in one line why a command could not do its work."""

from monai_sar._root_cause import root_cause

__all__ = ["reason"]


def reason(error: BaseException) -> str:
    """The root cause, with the kind of error where the message is not meant for users."""
    cause = root_cause(error)
    own = type(cause).__module__.startswith("monai_sar")
    text = str(cause) if own else " ".join(str(cause).split())
    return text if isinstance(cause, (ValueError, OSError)) else f"{type(cause).__name__}: {text}".removesuffix(": ")
