"""``python -m`` in a process of its own that is forked from one which has imported the libraries.

Importing torch and MONAI takes most of the time of a process that predicts a tiny scan. Everything else is as in a
process that the shell starts: its own working directory, environment, output and exit status; this package, but for the
way in which it imports timm, is imported anew. A few tests of each command and of each bundle start Python itself.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from torch.distributed import TCPStore  # type: ignore[attr-defined] # it is documented, but not in __all__

__all__ = ["FORKSERVER", "ForkedPython", "run_forked", "run_forked_ranks"]

FORKSERVER = multiprocessing.get_context("forkserver")
"""All tests share the process from which theirs are forked: there is one."""
FORKSERVER.set_forkserver_preload(
    [
        "monai.bundle",
        "monai_sar._torchvision",
        "highdicom",
        "ignite.handlers",
        "jinja2",
        "matplotlib.pyplot",
        "pydantic",
        "skimage.exposure",
        "skimage.filters",
        "skimage.measure",
        "skimage.transform",
        "typer",
    ]
)


class ForkedPython:
    """A running ``python -m module arguments``.

    Args:
        module: what ``-m`` names.
        arguments: of the module.
        cwd: working directory.
        environment: variables beside those of this process.
        stderr: a file, perhaps a terminal, that is written to instead of what :meth:`communicate` returns.
    """

    def __init__(
        self,
        module: str,
        *arguments: object,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        stderr: Path | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._stdout, self._stderr = (Path(self._folder.name, name) for name in ("stdout", "stderr"))
        self._stdout.touch()
        self._stderr.touch()
        variables = {**os.environ, **(environment or {})}
        outputs = (str(self._stdout), str(stderr or self._stderr))
        self._process = FORKSERVER.Process(
            target=_run_module, args=(module, [str(each) for each in arguments], str(cwd), variables, outputs)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """As the system calls it."""
        assert self._process.pid is not None
        return self._process.pid

    def communicate(self, timeout: float = 600) -> "subprocess.CompletedProcess[str]":
        """Wait until it ends; a negative exit status is the signal that ended it.

        Raises:
            TimeoutError: it took more seconds than this, and was killed.
        """
        self._process.join(timeout)
        with self._folder:
            stdout, stderr = self._stdout.read_text(), self._stderr.read_text()
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
            raise TimeoutError(stderr)
        return subprocess.CompletedProcess((), self._process.exitcode, stdout, stderr)


def run_forked(
    module: str, *arguments: object, cwd: Path, stderr: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Start it and wait until it ends."""
    return ForkedPython(module, *arguments, cwd=cwd, stderr=stderr).communicate()


def run_forked_ranks(module: str, *arguments: object, cwd: Path) -> "list[subprocess.CompletedProcess[str]]":
    """Two processes, with what ``torchrun --nproc_per_node=2`` gives them: variables, and a store where they meet."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    group = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "CUDA_VISIBLE_DEVICES": "",  # so that both always have a device
    }
    ranks = [{"RANK": rank, "LOCAL_RANK": rank} for rank in "01"]
    started = [ForkedPython(module, *arguments, cwd=cwd, environment=group | rank) for rank in ranks]
    return [process.communicate() for process in started]


def _run_module(
    module: str, arguments: list[str], cwd: str, environment: dict[str, str], outputs: tuple[str, str]
) -> None:
    """In the new process: run a module, and end as Python ends."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in enumerate(outputs, start=1):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOCTTY, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.path.insert(0, cwd)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except Exception:
        sys.excepthook(*sys.exc_info())
        sys.exit(1)
