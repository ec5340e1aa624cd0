"""JSON that says something else: other types, absurd numbers, deep nesting, other encodings."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from benchmarks.fuzzing.strange_values import json_value

__all__ = ["changed_json", "written_json"]


def changed_json(document: Any, random: Random) -> tuple[Any, str]:
    """Change values of a document.

    Args:
        document: what JSON holds; it stays as it is.
        random: what is drawn from.

    Returns:
        The other document, and what was done.
    """
    document, done = json.loads(json.dumps(document)), []
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        places = list(_places(document))
        if not places:
            return json_value(random), "another document"
        holder, key = random.choice(places)
        kind = random.choice(("value", "value", "value", "gone", "twice", "new", "other"))
        if kind == "value":
            holder[key] = json_value(random)
        elif kind == "gone":
            del holder[key]
        elif kind == "twice" and isinstance(holder, list):
            holder[key:key] = [holder[key]] * random.choice((1, 2, 5000))
        elif kind == "other":
            other, place = random.choice(places)
            holder[key] = json.loads(json.dumps(other[place]))
        elif isinstance(holder, dict):
            holder[str(json_value(random))[:80_000]] = holder[key]
        done.append(f"{kind} {key!r}"[:60])
    return document, ", ".join(done)


def written_json(document: Any, random: Random) -> tuple[bytes, str]:
    """Write a document in one of the ways in which it can be written, some of them wrong."""
    kind = random.choice(("plain", "plain", "plain", "plain", "list", "map", "inside", "utf-16", "mark", "comment"))
    content = json.dumps(document).encode()
    deep = random.choice((100, 990, 5_000, 200_000))
    if kind == "list":
        content = b"[" * deep + b"]" * deep
    elif kind == "map":
        content = b'{"a":' * deep + b"1" + b"}" * deep
    elif kind == "inside":
        content = content.replace(b"[", b"[" * deep, 1).replace(b"]", b"]" * deep, 1)
    elif kind == "utf-16":
        content = json.dumps(document, ensure_ascii=False).encode("utf-16", errors="surrogatepass")
    elif kind == "mark":
        content = b"\xef\xbb\xbf" + content
    elif kind == "comment":
        content = random.choice((b"// list\n" + content, content + b"{}", content * 2, b"1" * 5_000, b"\xff" * 50))
    return content, kind


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """All places of values, as what holds them and the key or index."""
    if isinstance(node, (dict, list)):
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            yield node, key
            yield from _places(value)
