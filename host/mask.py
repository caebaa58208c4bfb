"""Takes secrets out of what a service has printed, before it goes on screens and into the history."""

import json
from pathlib import Path

import store

ENV_FILES = Path("/etc/quantlab")


def masked(text: str) -> str:
    """The text with each secret's value replaced by its name."""
    manifests = (store.manifest(release) for release in store.names())
    names = {name for manifest in manifests for name in manifest.get("catalogue", {}).get("secrets", [])}
    found: dict[str, str] = {}
    for file in files("*.env"):
        pairs = (line.partition("=") for line in file.read_text(errors="replace").splitlines())
        found |= {value.strip("'"): name for name, _, value in pairs if name in names}
    for file in files("credentials/*"):  # what an env file cannot carry; programs print it as JSON, too
        value, name = file.read_text(errors="replace"), file.name.rpartition(".")[2]
        found |= {
            value: name,
            json.dumps(value)[1:-1]: name,
            json.dumps(value, ensure_ascii=False)[1:-1]: name,
        }
    for value in sorted(found, key=len, reverse=True):  # one may be part of another
        if len(value) > 3:
            text = text.replace(value, f"[{found[value]}]")
    return text


def files(pattern: str) -> list[Path]:
    """What can be read of them: whoever asks is about to say what is wrong with this host."""
    return [place for place in ENV_FILES.glob(pattern) if place.is_file()]
