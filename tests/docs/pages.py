"""The pages of the documentation, and the fenced blocks in them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUNDLES = sorted(path.parent for path in ROOT.glob("bundles/*_anomaly/docs"))
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("bundles/*/docs/*.md"),
        ROOT / "data/README.md",
        ROOT / "benchmarks/README.md",
    ]
)

_BLOCK = re.compile(r"^```(.*)\n((?:(?!```).*\n)*)```$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    page: Path
    line: int
    """Of the first fence, from 1."""
    language: str
    text: str

    @property
    def name(self) -> str:
        """Page and line, as editors open them."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """The blocks of a page in order, of one language or of all."""
    text = page.read_text()
    found = [Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2]) for match in _BLOCK.finditer(text)]
    return [block for block in found if language in (None, block.language)]
