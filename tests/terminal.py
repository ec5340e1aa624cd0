"""A real terminal, of which a test sees what is shown."""

import fcntl
import os
import pty
import select
import struct
import termios

__all__ = ["Terminal"]


class Terminal:
    """A pseudo-terminal of 24 lines of 100 characters.

    Attributes:
        file: what a program writes to.
    """

    def __init__(self) -> None:
        self._reader, writer = pty.openpty()
        fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.file = os.fdopen(writer, "w")

    def shown(self) -> str:
        """What was written since it was asked last."""
        self.file.flush()
        content = b""
        while select.select([self._reader], [], [], 0.2)[0]:
            content += os.read(self._reader, 1 << 16)
        return content.decode()

    def close(self) -> None:
        """Hang up."""
        self.file.close()
        os.close(self._reader)
