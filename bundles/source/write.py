"""Write the three bundles from what they share and what is a domain's own: ``make bundles``.

Each ``DOMAIN.jinja`` sets the texts that the shared files name in ``{{ }}``. No bundle reads this folder.
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

SOURCE = Path(__file__).resolve().parent
BUNDLES = SOURCE.parent
SHARED = ("train.yaml", "evaluate.yaml", "inference.yaml", "multi_gpu_train.yaml", "metadata.json", "logging.conf")
HEAD = "Written by make bundles from bundles/source: change it there. In a copy of this bundle, change it here."
NETWORK_HEAD = (
    "The network of train.yaml and nothing else, for monai.bundle.load, which reads no YAML. Whoever changes the "
    "network there changes it here too, or gives net_override: a checkpoint of other settings is refused. "
)


def bundle_files() -> dict[str, str]:
    """What ``make bundles`` writes.

    Returns:
        Path below ``bundles/`` -> text.
    """
    environment = Environment(
        loader=FileSystemLoader(SOURCE),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 (YAML, not HTML)
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    files = {}
    for domain in sorted(path.stem for path in SOURCE.glob("*.jinja")):
        bundle = f"{domain}_anomaly"
        for file in SHARED:
            module = environment.get_template(f"{domain}.jinja").make_module({"file": file})
            texts = {
                name: text.rstrip("\n") if isinstance(text, str) else text
                for name, text in vars(module).items()
                if not name.startswith("_")
            }
            shared = environment.get_template(file)
            files[f"{bundle}/configs/{file}"] = shared.render(head=HEAD, domain=domain, **texts)
        files[f"{bundle}/configs/train.json"] = _network(yaml.safe_load(files[f"{bundle}/configs/train.yaml"]))
        files[f"{bundle}/LICENSE"] = (BUNDLES.parent / "LICENSE").read_text()
    return files


def _network(train: dict[str, Any]) -> str:
    """The definition of the network, with its settings in their places, so that ``net_override`` reaches each."""

    def filled_in(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled_in(part) for key, part in value.items()}
        if isinstance(value, str) and re.fullmatch(r"@\w+", value):
            return filled_in(train[value[1:]])
        if isinstance(value, str):
            return value.replace("@encoder.", "@network_def#encoder.")
        return value

    return json.dumps({"about": NETWORK_HEAD + HEAD, "network_def": filled_in(train["network_def"])}, indent=4) + "\n"


if __name__ == "__main__":
    for path, text in bundle_files().items():
        (BUNDLES / path).parent.mkdir(parents=True, exist_ok=True)
        (BUNDLES / path).write_text(text)
