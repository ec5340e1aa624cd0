"""Changed files of every kind, read as a user's are: whether what SECURITY.md promises of readers holds.

    python -m benchmarks.fuzz --minutes 10

Small sound files are written once. One kind after another is changed at random, by damage that knows nothing of the
file (bits, zeros, cuts), and by headers, elements, parts and values that say something else, with checksums that fit.
Each is read in a process of its own with limits. Then one of these must hold:

- it is read, finite, in so many seconds and MiB: as if nothing had been changed, or as what it now says. Where the
  format has a checksum (gzip, zlib in MetaImage, PNG, model.pt), damage that changes a voxel or a weight may not pass;
- it is refused by an error of the package's own, in a sentence without what the header says of the patient and
  without control characters.

Nothing is printed that stands in a header, no file is written, none outside is read, no code runs.

A number says how a file is changed. What breaks a promise is kept in ``failures/KIND-NUMBER`` with the changed files,
and is done again by ``--replay KIND-NUMBER``.
"""

import random
import shutil
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Annotated

import torch
import typer
from tqdm import tqdm

from benchmarks.fuzzing.families import FAMILIES, Family
from benchmarks.fuzzing.guarded import Outcome, Worker, try_number, write_sound_files

KINDS = ("same", "other", "refused", "broken")


def main(
    work: Annotated[Path, typer.Option(help="For sound files, and those that break a promise.")] = Path("fuzz"),
    minutes: Annotated[float, typer.Option(help="How long, over all kinds of files.")] = 10,
    only: Annotated[list[str] | None, typer.Option(help="Kinds of files whose names begin so.")] = None,
    seed: Annotated[int | None, typer.Option(help="The first number; by default one at random.")] = None,
    replay: Annotated[str | None, typer.Option(help="KIND-NUMBER of a failure, to do again.")] = None,
) -> None:
    """Change files and read them; exit status 1 if a promise was broken."""
    torch.set_num_threads(1)
    work = work.absolute()
    if replay is not None:
        _show(replay, work)
        return
    families = [each for each in FAMILIES.values() if not only or each.name.startswith(tuple(only))]
    first = random.SystemRandom().randrange(10**6) if seed is None else seed
    counts, broken = _run(families, work, minutes * 60, first)
    typer.echo(f"first number {first}\n\n{table(families, counts)}\n")
    for told, numbers in broken.items():
        typer.echo(f"{len(numbers)} x such as {numbers[0]}: {told}")
    if broken:
        raise typer.Exit(1)


def table(families: list[Family], counts: dict[str, Counter[str]]) -> str:
    """What became of the files of each kind, in Markdown."""
    rows = [
        "| files | changed | read the same | read as what it now says | refused | broken |",
        "|---|---|---|---|---|---|",
    ]
    total = sum(counts.values(), Counter[str]())
    for name, count in [*((family.name, counts[family.name]) for family in families), ("**all**", total)]:
        rows.append(f"| {name} | {sum(count.values())} | {' | '.join(str(count[kind]) for kind in KINDS)} |")
    return "\n".join(rows)


def _run(
    families: list[Family], work: Path, seconds: float, first: int
) -> tuple[dict[str, Counter[str]], dict[str, list[str]]]:
    """Give each kind of file the same time; return what became of them, and the failures by what was told."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    broken: dict[str, list[str]] = defaultdict(list)
    case = work / "case"
    for family in tqdm(families, disable=None):
        write_sound_files(family, work)  # here, so that no reader's first start is measured
        worker = Worker(work, case)
        try:
            until, number = time.monotonic() + seconds / len(families), first
            while time.monotonic() < until:
                outcome = worker.try_number(family, number)
                counts[family.name][outcome.kind] += 1
                if outcome.kind == "broken":
                    _keep(family, number, outcome, work, case)
                    # the last line names the error
                    broken[f"{family.name}: {outcome.told.strip().splitlines()[-1][:160]}"].append(
                        _name(family, number)
                    )
                number += 1
        finally:
            worker.stop()
    return counts, broken


def _name(family: Family, number: int) -> str:
    return f"{family.name.replace(' ', '_')}-{number}"


def _keep(family: Family, number: int, outcome: Outcome, work: Path, case: Path) -> None:
    kept = work / "failures" / _name(family, number)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(case, kept)
    (kept / "told.txt").write_text("\n".join([*outcome.changes, outcome.told]), errors="replace")


def _show(name: str, work: Path) -> None:
    kind, _, number = name.rpartition("-")
    family = FAMILIES[kind.replace("_", " ")]
    outcome = try_number(family, int(number), work, case=work / "replay" / name)
    typer.echo("\n".join([*outcome.changes, f"{outcome.kind} after {outcome.seconds:.2f} s: {outcome.told}"]))


if __name__ == "__main__":
    typer.run(main)
