"""What a benchmark keeps, found by everything that it depends on: nothing stale is ever found."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from monai_sar._atomic import atomic_path

__all__ = ["Kept"]


class Kept:
    """A result and the files that belong to it, in a folder that is named for a hash of what they depend on.

    ``result.json`` appears last and whole, and says what the result depends on as well.

    Args:
        parent: of all such folders; created when something is written.
        depends_on: everything that, if it were other, would give another result; JSON-able.

    Attributes:
        folder: of this result.
    """

    def __init__(self, parent: Path, depends_on: Mapping[str, Any]) -> None:
        self._depends_on = dict(depends_on)
        name = hashlib.sha256(json.dumps(self._depends_on, sort_keys=True).encode()).hexdigest()[:32]
        self.folder = parent / name

    def result(self, make: Callable[[], dict[str, float]]) -> dict[str, float]:
        """What was kept; made and kept if there is nothing."""
        file = self.folder / "result.json"
        if not file.exists():
            content = {"depends_on": self._depends_on, "result": make()}
            with atomic_path(file) as partial:
                partial.write_text(json.dumps(content, indent=2) + "\n")
        result: dict[str, float] = json.loads(file.read_text())["result"]
        return result
