"""Run a reader on a changed file and watch what it does: in a process of its own, with limits."""

import logging
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from benchmarks.fuzzing.families import FAMILIES, OUTSIDE, Family, Result
from benchmarks.fuzzing.strange_values import SECRET
from monai_sar.cli.failure import printable
from monai_sar.scans.library_warnings import without_library_warnings

__all__ = ["LIMIT_MIB", "LIMIT_S", "Outcome", "Worker", "try_number", "write_sound_files"]

LIMIT_S = 10.0
"""So much time of a processor may a file of some kilobytes take."""

_STUCK_S = 120.0
"""A process that has not answered by then, on a busy machine too, hangs."""

LIMIT_MIB = 2048
"""So much memory may it take, beside what the program has."""

_LONGEST_MESSAGE = 5_000
_CASES_OF_A_PROCESS = 400
_FORBIDDEN = {
    "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "os.remove", "os.rename",
    "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod", "shutil.rmtree", "shutil.copyfile",
}  # fmt: skip
"""Events of Python's audit (PEP 578) that no reader has a reason for."""


_sound: dict[str, Result] = {}
"""What was read from sound files."""


@dataclass(frozen=True)
class Outcome:
    """What became of a changed file.

    Attributes:
        kind: it was read as if it had not been changed, was read as something else, or was refused in our own words;
            or a promise was broken.
        told: the message, or what was broken.
        changes: what was done to it.
        seconds: it took.
    """

    kind: Literal["same", "other", "refused", "broken"]
    told: str
    changes: tuple[str, ...] = ()
    seconds: float = 0.0


def write_sound_files(family: Family, work: Path) -> Path:
    """Write the sound files of a family, once, and read them; return the path to read."""
    folder = work / "sound" / family.name.replace(" ", "_")
    path = folder / ".path"
    if not path.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        written = family.write(folder)
        path.write_text(str(written.relative_to(folder)))
    sound = folder / path.read_text()
    if family.name not in _sound:
        _sound[family.name] = family.read(sound)
    return sound


def try_number(family: Family, number: int, work: Path, *, case: Path) -> Outcome:
    """Change the sound files of a family in the way of a number, read them, and compare."""
    sound = write_sound_files(family, work)
    folder = work / "sound" / family.name.replace(" ", "_")
    before = _sound[family.name]
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(folder, case / "files", ignore=shutil.ignore_patterns(".path"))
    (case / "outside.raw").write_bytes(b"".join(value.to_bytes(2, "little") for value in OUTSIDE) * 5000)
    with without_library_warnings():
        blind, changes = family.change(case / "files", number)
    path = case / "files" / sound.relative_to(folder)
    (case / "changes.txt").write_text("\n".join([str(path), *changes]), errors="replace")
    start = time.monotonic()
    outcome = _watched(family, path, before, blind=blind)
    return Outcome(outcome.kind, outcome.told, tuple(changes), time.monotonic() - start)


def _watched(family: Family, path: Path, before: Result, *, blind: bool) -> Outcome:
    case = path
    while case.name != "files":
        case = case.parent
    there = _listing(case.parent)
    events.clear()
    with _said() as said:
        try:
            result, error = family.read(path), None
        except Exception as raised:
            result, error = None, raised
    told = _judge(family, before, result, error, blind=blind)
    broken = []
    if SECRET in (text := "\n".join(said)):
        broken.append(f"it printed what a header says: {_around(text)}")
    if events:
        broken.append(f"it did {sorted(set(events))}")
    if (now := _listing(case.parent)) != there:
        broken.append(f"it changed files: {sorted(now ^ there)[:5]}")
    return Outcome("broken", "; ".join([*broken, f"({told.told})"])) if broken else told


def _judge(family: Family, before: Result, result: Result | None, error: Exception | None, *, blind: bool) -> Outcome:
    if error is not None:
        trace = "".join(traceback.format_exception(error))
        kind, text = type(error), printable(str(error))
        if not (kind.__module__.startswith("monai_sar") and isinstance(error, ValueError)):
            return Outcome("broken", f"{kind.__name__}, no error of ours:\n{trace[-3000:]}")
        if family.name not in ("checkpoint", "datalist", "list") and SECRET in trace:
            return Outcome("broken", f"the message tells what a header says: {_around(trace)}")
        if control := [letter for letter in text if unicodedata.category(letter) == "Cc" and letter != "\n"]:
            return Outcome("broken", f"the message has control characters {control[:5]}: {text[:300]!r}")
        if len(text) > _LONGEST_MESSAGE:
            return Outcome("broken", f"the message has {len(text)} characters: {text[:300]}")
        return Outcome("refused", text)
    assert result is not None  # noqa: S101
    if result.wrong:
        return Outcome("broken", f"read, but {result.wrong}")
    if blind and family.checksums and result.content != before.content:
        return Outcome("broken", "damage that a checksum tells was not seen")
    return Outcome("same" if result == before else "other", result.rest[:300])


def _around(text: str) -> str:
    at = text.index(SECRET)
    return repr(text[max(0, at - 150) : at + 60])


def _listing(folder: Path) -> set[tuple[str, int]]:
    return {(str(path), path.lstat().st_mtime_ns) for path in (folder, *folder.rglob("*"))}


events: list[str] = []
"""What the audit has seen since it was cleared."""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _FORBIDDEN:
        events.append(f"{event} {arguments[:1]}"[:200])
    elif event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        name, mode, flags = os.fsdecode(arguments[0]), arguments[1] or "", arguments[2] or 0
        writes = set(mode) & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if (writes and name != os.devnull) or "outside" in Path(name).name:
            events.append(f"open {name} {mode}"[:200])


@contextmanager
def _said() -> Iterator[list[str]]:
    """Collect warnings, log messages, and what is written to standard output and error, by C too."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (1, 2)]
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 1)
        os.dup2(written.fileno(), 2)
        events.clear()
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                yield said
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, descriptor in enumerate(kept, 1):
                os.dup2(descriptor, number)
                os.close(descriptor)
            logging.getLogger().removeHandler(handler)
            said += [str(warning.message) for warning in warned]
            written.seek(0)
            said.append(written.read(1 << 20).decode(errors="replace"))


def _serve(pipe: Connection, work: Path, case: Path) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with Path("/proc/self/statm").open() as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + (LIMIT_MIB << 20), resource.RLIM_INFINITY))
    sys.dont_write_bytecode = True
    (here := case.parent / "here").mkdir(parents=True, exist_ok=True)
    os.chdir(here)
    sys.addaudithook(_audit)
    while (asked := pipe.recv()) is not None:
        name, number = asked
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)  # its signal ends the process, in C code too
        try:
            pipe.send(try_number(FAMILIES[name], number, work, case=case))
        except BaseException:
            pipe.send(Outcome("broken", f"the fuzzer itself failed:\n{traceback.format_exc()}"))
        signal.setitimer(signal.ITIMER_PROF, 0)


class Worker:
    """A process that tries numbers, and is started again when it hangs, dies, or has done many.

    Args:
        work: where the sound files lie.
        case: folder of the file that is being tried.
    """

    def __init__(self, work: Path, case: Path) -> None:
        self._work, self._case = work, case
        self._process: multiprocessing.process.BaseProcess | None = None
        self._done = 0

    def try_number(self, family: Family, number: int) -> Outcome:
        """Try a number; hanging and dying are broken promises."""
        if self._process is None or self._done >= _CASES_OF_A_PROCESS:
            self.stop()
            self._start()
        self._done += 1
        start = time.monotonic()
        self._pipe.send((family.name, number))
        try:
            if self._pipe.poll(_STUCK_S):
                outcome: Outcome = self._pipe.recv()
                return outcome
            told = "it hangs"
        except (EOFError, ConnectionError):
            assert self._process is not None  # noqa: S101
            self._process.join()
            slow = self._process.exitcode == -signal.SIGPROF
            told = f"it took more than {LIMIT_S:g} s" if slow else f"the process died: status {self._process.exitcode}"
        self.stop()
        listed = self._case / "changes.txt"
        changes = listed.read_text(errors="replace").splitlines()[1:] if listed.exists() else []
        return Outcome("broken", told, tuple(changes), time.monotonic() - start)

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None

    def _start(self) -> None:
        # forked, because starting Python anew would take longer than hundreds of files
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._work, self._case), daemon=True)
        self._process.start()
        theirs.close()
        self._done = 0
