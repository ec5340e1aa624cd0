"""Read a text file that any system's editor may have written."""

import codecs
from pathlib import Path

from monai_sar.scans.scan import ScanError

__all__ = ["read_text"]

_BY_MARK = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_text(path: Path) -> str:
    """Read UTF-8, or what the byte order mark at the beginning says: Windows writes UTF-16, too.

    Raises:
        ScanError: it is in another encoding.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    encoding = next((name for mark, name in _BY_MARK.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise ScanError(f"{path}: is not text in UTF-8 or UTF-16, expected one of them; save it so.") from None
