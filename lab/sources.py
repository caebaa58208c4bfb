"""Which package sources of this machine are Debian's own, and its settings for fetching.

The image is built from them, so that it works wherever this machine's own apt does: behind a proxy,
with a mirror, with a snapshot. No address stands in this project's files.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lab.errors import LabError
from lab.shell import run

SUITE = "bookworm"
_SUITES = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
_COMPONENTS = {"main", "contrib", "non-free", "non-free-firmware"}
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_FETCHING = re.compile(
    r"Acquire::(Check-Valid-Until|Check-Date|Max-FutureTime|Retries|Languages(::)?"
    r"|https?::(Proxy(::\S+)?|Timeout|Pipeline-Depth)) "
)


@dataclass(frozen=True)
class Source:
    """One entry of apt's sources, whichever of the two formats it was written in."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str

    def render(self) -> str:
        return (
            f"Types: deb\nURIs: {' '.join(self.uris)}\nSuites: {' '.join(self.suites)}\n"
            f"Components: {' '.join(self.components)}\nSigned-By: {self.signed_by or _KEYRING}\n"
        )


def parse(text: str, *, stanzas: bool) -> Iterator[Source]:
    """Every enabled binary source of a `.sources` (stanzas) or `.list` (lines) file."""
    return _from_stanzas(text) if stanzas else _from_lines(text)


def of_debian(source: Source) -> Source | None:
    """The part of a source that is Debian's own release, or nothing.

    Vendors use Debian's suite names too, but their own key and mostly other components.
    """
    suites = tuple(suite for suite in source.suites if suite in _SUITES)
    components = tuple(name for name in source.components if name in _COMPONENTS)
    uris = tuple(uri for uri in source.uris if re.match(r"https?://", uri))
    foreign_key = bool(source.signed_by) and "debian-archive" not in source.signed_by
    if not suites or not uris or "main" not in components or foreign_key:
        return None
    return replace(source, uris=uris, suites=suites, components=components)


def debian_sources(folder: Path = Path("/etc/apt")) -> str:
    """The sources for the image, as the text of one `.sources` file."""
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    found: list[str] = []
    for file in files:
        if file.suffix not in {".list", ".sources"} or not file.is_file():
            continue
        for source in parse(file.read_text(), stanzas=file.suffix == ".sources"):
            own = of_debian(replace(source, uris=tuple(_listed(source.uris))))
            if own and own.render() not in found:
                found.append(own.render())
    if not any(f" {SUITE}\n" in text or f" {SUITE} " in text for text in found):
        raise LabError(
            f"this machine has no package source for Debian '{SUITE}' in {folder}, which the lab's "
            "hosts run: add one (see `man sources.list`), or deploy to a real host instead"
        )
    return "\n".join(found)


def fetch_settings() -> str:
    """This machine's apt settings that decide how packages are fetched: proxies, date checks."""
    lines = run("apt-config", "dump").splitlines()
    return "".join(f"{line}\n" for line in lines if _FETCHING.match(line))


def _listed(uris: tuple[str, ...]) -> Iterator[str]:
    """Debian's cloud images name their mirrors in a file of their own: read what it holds."""
    for uri in uris:
        if uri.startswith("mirror+file:"):
            lines = Path(uri.removeprefix("mirror+file:")).read_text().splitlines()
            yield from (line.split()[0] for line in lines if line.strip() and line[0] != "#")
        else:
            yield uri


def _from_stanzas(text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[name] = f"{fields.get(name, '')} {line.strip()}"
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.lower()
                fields[name] = value.strip()
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no":
            yield Source(
                tuple(fields.get("uris", "").split()),
                tuple(fields.get("suites", "").split()),
                tuple(fields.get("components", "").split()),
                fields.get("signed-by", ""),
            )


def _from_lines(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]*)", line)
        if found:
            options = dict(option.split("=", 1) for option in (found[1] or "").split() if "=" in option)
            signed_by = options.get("signed-by", "")
            yield Source((found[2],), (found[3],), tuple(found[4].split()), signed_by)
