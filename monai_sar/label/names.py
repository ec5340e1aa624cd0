"""Names of studies, tags and sessions come from whoever reaches the port: they are names, never paths."""

import re
import tempfile
import unicodedata
from pathlib import Path

from monailabel.utils.sessions import SessionInfo, Sessions

from monai_sar.label.request import UNPROCESSABLE, refusal

__all__ = ["NamedSessions", "received_file", "require_name"]

NO_CHARACTERS = ("Cc", "Cs")
"""Unicode's categories of what no name holds: control characters, and halves of characters."""

RECEIVED = re.compile(r"tmp[a-z0-9_]{8}(\..*)?")
"""The name that :mod:`tempfile` gives to a file: nobody can guess that of another's."""


def require_name(kind: str, text: object) -> None:
    """Take a text for a name.

    Raises:
        HTTPException: 422: it is none, or could lead elsewhere.
    """
    if (
        not isinstance(text, str)
        or text in ("", ".", "..")
        or any(character in "/\\" or unicodedata.category(character) in NO_CHARACTERS for character in text)
    ):
        raise refusal(
            UNPROCESSABLE,
            f"{text!r} is no name of a {kind}: expected one without '/', '\\' and control characters, not '.' or '..'. "
            "Paths are not taken.",
        )


def received_file(image: str, sessions: Sessions | None) -> bool:
    """Tell whether MONAI Label itself has written a file for this request, or in the session that it names.

    A request names both by their path, as it could any other file of this machine.
    """
    path = Path(image)
    if path.parent == Path(tempfile.gettempdir()):
        return RECEIVED.fullmatch(path.name) is not None and path.is_file() and not path.is_symlink()
    if sessions is None or path.parent.parent != Path(sessions.store_path):
        return False
    session = sessions.get_session(path.parent.name, update_ts=False)
    return session is not None and session.image == image


class NamedSessions(Sessions):
    """MONAI Label's store of scans that a viewer sends; without a way out of its folder."""

    def get_session(self, session_id: str, update_ts: bool = True, fetch_cache: bool = True) -> SessionInfo | None:
        """The session of a name; None if there is none.

        Raises:
            HTTPException: it is no name.
        """
        require_name("session", session_id)
        return super().get_session(session_id, update_ts, fetch_cache)

    def add_session(
        self, data_file: str, expiry: int = 0, uncompress: bool = False, session_id: str | None = None
    ) -> tuple[str, SessionInfo]:
        """Keep what a viewer sends.

        Raises:
            HTTPException: it is an archive other than a ZIP file; members of a tar file may be written anywhere.
        """
        if uncompress and Path(data_file).suffix.lower() != ".zip":
            raise refusal(UNPROCESSABLE, f"An archive to unpack is expected as .zip, not '{Path(data_file).suffix}'.")
        added: tuple[str, SessionInfo] = super().add_session(data_file, expiry, uncompress, session_id)
        return added
