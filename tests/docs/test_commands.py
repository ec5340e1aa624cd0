"""Every command of the documentation could be pasted: programs, sub-commands, options and settings exist."""

import inspect
import re
import shlex
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import monai.bundle
import pytest
import typer
from monai.bundle import ConfigParser
from torch.distributed.run import get_args_parser

from monai_sar.cli import app
from tests.docs.pages import BUNDLES, PAGES, ROOT, Block, blocks

# Not ours, or only in another environment: set-up, the network, MONAI Label's server, anomalib.
ALLOWED = (
    ("python3", "-m", "venv"),
    ("source",),
    ("pip", "install"),
    ("pre-commit", "install"),
    ("curl",),
    ("cp",),
    ("sed",),
    ("export",),
    ("python", "-m", "monailabel.main"),
    ("python", "-m", "benchmarks.check_rivals_against_anomalib"),
)
_QUOTED_OR_COMMENT = re.compile(r"""(?P<quoted>'[^']*'|"(?:\\(?:.|\n)|[^"\\])*")|(?<!\S)#.*""")
ENDS = {"&&", "||", ";", "|", "&"}

COMMANDS = [block for page in PAGES for block in blocks(page, "bash")]
INLINE = [
    (page, command)
    for page in PAGES
    for command in re.findall(r"`((?:monai-sar |make |python -m benchmarks[.])[^`]+)`", page.read_text())
]


def commands_of(text: str) -> Iterator[list[str]]:
    """The words of each command of a shell block, without comments, redirections and variables before it."""
    without_comments = _QUOTED_OR_COMMENT.sub(lambda match: match["quoted"] or "", text)
    for line in without_comments.replace("\\\n", "").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, ""
        command: list[str] = []
        for word in [*lexer, ";"]:
            if word not in ENDS:
                command.append(word)
                continue
            if ">" in command:
                del command[command.index(">") : command.index(">") + 2]
            while command and re.match(r"\w+=", command[0]):
                del command[0]
            if command:
                yield command
            command = []


def check(command: list[str], folder: Path) -> None:
    """Fail unless this command, given in this folder, exists with these arguments; it is not run.

    Raises:
        Exception: of the parser that does not take the arguments; its message says which.
    """
    program, *arguments = [Path(command[0]).name, *command[1:]]
    if any(tuple([program, *arguments][: len(allowed)]) == allowed for allowed in ALLOWED):
        return
    if program == "time":
        return check(arguments[1:], folder)
    if program == "torchrun":
        parsed = get_args_parser().parse_args(arguments)
        assert parsed.module, "torchrun runs our modules, with -m"
        program, arguments = "python", ["-m", parsed.training_script, *parsed.training_script_args]
    if program == "monai-sar" or (program == "python" and arguments[:2] == ["-m", "monai_sar.cli"]):
        check_typer(app, arguments if program == "monai-sar" else arguments[2:])
    elif program == "make":
        check_make(arguments)
    elif program == "python" and arguments[:2] == ["-m", "monai.bundle"]:
        check_bundle(arguments[2], arguments[3:], folder)
    elif program == "python" and (module := benchmark(arguments)):
        benchmarks_app = typer.Typer()
        benchmarks_app.command()(import_module(module).main)
        check_typer(benchmarks_app, arguments[arguments.index("-m") + 2 if "-m" in arguments else 1 :])
    else:
        pytest.fail(f"no rule for this command: {shlex.join(command)}")


def check_typer(typer_app: typer.Typer, arguments: list[str]) -> None:
    """Let the app's own parser read the arguments, sub-command by sub-command."""
    command: Any = typer.main.get_command(typer_app)
    name, context = "app", None
    while True:
        has_commands = hasattr(command, "resolve_command")
        if not has_commands:
            command.make_context(name, list(arguments), parent=context)
            return
        assert arguments, f"{name} takes a sub-command"
        context = command.context_class(command, info_name=name, parent=context)
        name, command, arguments = command.resolve_command(context, arguments)


def check_make(arguments: list[str]) -> None:
    """Let make find the targets, without running them; variables have to be the Makefile's."""
    variables = set(re.findall(r"^(\w+) *[:?]?=", (ROOT / "Makefile").read_text(), re.MULTILINE))
    given = {argument.partition("=")[0] for argument in arguments if "=" in argument}
    assert given <= variables
    dry = subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert dry.returncode == 0, dry.stderr


def check_bundle(function: str, arguments: list[str], folder: Path) -> None:
    """What runs is in the config, and so is each setting; a page that stands in no bundle speaks of every one."""
    target, *flags = arguments
    keys, values = flags[::2], flags[1::2]
    assert len(keys) == len(values)
    assert all(key.startswith("--") for key in keys), keys
    given = {key.removeprefix("--"): value for key, value in zip(keys, values, strict=True)}
    files = given["config_file"].strip("[]").replace("'", "").split(",")
    folders = [folder] if (folder / files[0]).exists() else BUNDLES
    for bundle in folders:
        parser = ConfigParser()
        parser.read_config([str(bundle / file) for file in files])
        taken = inspect.signature(getattr(monai.bundle, function)).parameters.keys() | parser.get().keys()
        assert target in parser.get(), f"{target} is not in {files} of {bundle.name}"
        assert {key.split("#")[0] for key in given} <= taken, f"not a setting of {files} of {bundle.name}"


def benchmark(arguments: list[str]) -> str | None:
    """The module of a benchmark that python is told to run, by name or by file."""
    if arguments[0] == "-m":
        return arguments[1] if arguments[1].startswith("benchmarks.") else None
    file = Path(arguments[0])
    return ".".join(file.with_suffix("").parts) if (ROOT / file).is_file() and file.parts[0] == "benchmarks" else None


def start(page: Path) -> Path:
    """Where a page's commands are given: a bundle's page says "in this folder"."""
    return page.parents[1] if page.parents[1] in BUNDLES else ROOT


@pytest.mark.parametrize("block", COMMANDS, ids=lambda block: block.name)
def test_commands_exist(block: Block) -> None:
    folder, commands = start(block.page), list(commands_of(block.text))
    assert commands
    for command in commands:
        if command[0] == "cd":
            folder = folder / command[1]
            assert folder.is_dir()
        else:
            check(command, folder)


@pytest.mark.parametrize(("page", "command"), INLINE, ids=[f"{page.name}-{command}" for page, command in INLINE])
def test_commands_in_the_text_exist(page: Path, command: str) -> None:
    """Those may leave out what a command needs: its name, its targets and its options have to be right."""
    words = command.split()
    if words[0] == "monai-sar":
        found: Any = typer.main.get_command(app)
        options = {name for parameter in found.params for name in parameter.opts}  # those before the sub-command
        for word in (word for word in words[1:] if word not in options):
            if hasattr(found, "commands"):
                assert word in found.commands
                found = found.commands[word]
                options |= {name for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)}
        assert set(re.findall(r"(?<![\w-])--[\w-]+", command)) <= options
    else:
        check(words, start(page))


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("make demo   # it's a comment\n", [["make", "demo"]]),
        ("a --b 'c # d' \\\n    --e\n", [["a", "--b", "c # d", "--e"]]),
        ("x=1 y=2 a b > out.txt && c\n", [["a", "b"], ["c"]]),
        ("a \"1, \\\n'2'\"\n", [["a", "1, '2'"]]),
    ],
    ids=["comment", "continuation", "variables, redirection, two commands", "quotes over two lines"],
)
def test_shell_is_read_as_a_shell_reads_it(text: str, commands: list[list[str]]) -> None:
    assert list(commands_of(text)) == commands


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("monai-sar predikt scan.nii.gz", "No such command"),
        ("monai-sar", "takes a sub-command"),
        ("monai-sar predict scan.nii.gz --bundle . --output results --threshhold 1", "No such option"),
        ("monai-sar predict --bundle . --output results", "Missing parameter: inputs"),
        ("monai-sar predict scan.nii.gz --output results", "Missing parameter: bundle"),
        ("monai-sar predict scan.nii.gz --bundle . --output results --threshold high", "valid number"),
        (
            "torchrun --nproc-per-node 2 -m monai_sar.cli predict scans --bundle b --output o --epochs 3",
            "No such option",
        ),
        ("make no-such-target", "No rule to make target"),
        ("make DOMAIM=liver_ct demo", "DOMAIM"),
        ("python -m monai.bundle run trainin --config_file configs/train.yaml", "trainin is not in"),
        ("python -m monai.bundle run training --config_file configs/train.yaml --max_epoch 3", "not a setting"),
        ("python -m monai.bundle run training --config_file configs/trian.yaml", "trian.yaml"),
        ("python -m benchmarks.speed_volume --slice 3", "No such option"),
        ("python -m benchmarks.no_such_one", "No module named"),
        ("frobnicate --all", "no rule for this command"),
    ],
)
def test_what_does_not_exist_is_found(line: str, complaint: str) -> None:
    with pytest.raises((Exception, pytest.fail.Exception), match=complaint):
        check(shlex.split(line), ROOT)
