"""The checkpoints of one training: the best weights, and where to go on after an interruption."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist

from monai_sar._atomic import remove_leftovers
from monai_sar._process_lock import ProcessLock
from monai_sar.networks.torch_file import load_torch, save_torch

__all__ = ["ResumeError", "RunFolder"]


class ResumeError(RuntimeError):
    """Training cannot go on with what is in its folder: the message says why and what to do."""


class RunFolder:
    """The folder that a training writes to, and belongs to from then on.

    ``model.pt`` holds the best weights, ``unfinished.pt`` the state after the latest epoch. When training ends,
    ``unfinished.pt`` becomes ``last.pt``. Files appear whole, by renaming; of several processes the first writes.

    One training at a time may hold a folder (:meth:`claim`). The system takes it from a process that ends, killed or
    not.

    Args:
        folder: created when it is claimed.
        settings: what the course of the training depends on; JSON-able. They are saved with its state, and have to
            be the same when it is resumed.
        resume: False neither reads nor keeps the state that is there.
    """

    def __init__(self, folder: str | os.PathLike[str], *, settings: Mapping[str, Any], resume: bool = True) -> None:
        self.best = Path(folder) / "model.pt"
        self.unfinished = Path(folder) / "unfinished.pt"
        self.last = Path(folder) / "last.pt"
        self.settings: dict[str, Any] = json.loads(json.dumps(settings))  # tuples as lists, as everywhere in JSON
        self.resume = resume
        self._lock = ProcessLock(
            Path(folder) / ".training.lock",
            held=f"'{folder}' is trained in",
            advice="give another folder (setting ckpt_dir)",
        )

    def claim(self) -> None:
        """Take the folder, for the first of several processes, and keep it until :meth:`release` or the process ends.

        Raises:
            InUseError: another training holds it.
        """
        if idist.get_rank() == 0:
            self._lock.take()

    def release(self) -> None:
        """Let another training have the folder."""
        self._lock.give_back()

    def load(self) -> dict[str, Any] | None:
        """The latest state, on the CPU, tensors and plain values only; None if there is none to resume.

        Raises:
            ResumeError: it was made with other settings, or cannot be read. The folder is then released.
        """
        try:
            return self._load()
        except ResumeError:
            self.release()
            raise

    def _load(self) -> dict[str, Any] | None:
        path = next((path for path in (self.unfinished, self.last) if path.is_file()), None)
        if path is None or not self.resume:
            return None
        try:
            state: Any = load_torch(path)
        except Exception as error:  # damaged bytes make the unpickler fail in any way
            raise ResumeError(f"'{path}' cannot be read: it is damaged. {self._way_out}") from error
        if not isinstance(state, dict) or "settings" not in state:
            raise ResumeError(f"'{path}' does not hold the state of a training. {self._way_out}")
        if path == self.last and not self.best.is_file():
            raise ResumeError(f"A training has ended here, but its checkpoint '{self.best}' is gone. {self._way_out}")
        before, now = _leaves(state["settings"]), _leaves(self.settings)
        differences = [
            f"  {name}: {before.get(name, 'nothing')!r} then, {now.get(name, 'nothing')!r} now"
            for name in {**before, **now}
            if before.get(name) != now.get(name)
        ]
        if differences:
            listing = "\n".join(differences)
            raise ResumeError(
                f"'{path}' belongs to a training with other settings:\n{listing}\n"
                f"Give the same settings to go on with it. {self._way_out}"
            )
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep the state after an epoch, in place of the one before."""
        self._write(self.unfinished, {**state, "settings": self.settings})

    def save_best(self, weights: Mapping[str, Any]) -> None:
        """Keep the best weights so far, in place of those before."""
        self._write(self.best, weights)

    def finish(self) -> None:
        """Training has ended: its state is the last one."""
        if idist.get_rank() == 0 and self.unfinished.is_file():
            self.unfinished.replace(self.last)

    def clear(self, *, keep_state: bool) -> None:
        """Remove temporary files of a process that was killed and, if it is not to be kept, the state."""
        if idist.get_rank() == 0:
            remove_leftovers([self.best.parent])
            for path in () if keep_state else (self.unfinished, self.last):
                path.unlink(missing_ok=True)

    def _write(self, path: Path, content: Mapping[str, Any]) -> None:
        if idist.get_rank() == 0:
            save_torch(content, path)

    @property
    def _way_out(self) -> str:
        return (
            "To train anew, give another folder (setting ckpt_dir), or replace what is in "
            f"'{self.best.parent}' (monai-sar train --anew, or the setting resume: false)."
        )


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in settings.items():
        leaves |= _leaves(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return leaves
