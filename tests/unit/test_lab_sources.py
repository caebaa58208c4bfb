"""The image is built from this machine's own Debian sources and from no vendor's."""

from pathlib import Path

import pytest

from lab import sources
from lab.errors import LabError
from lab.sources import Source

STANZAS = """\
# a comment
Types: deb deb-src
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates
  bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://vendor.example/apt
Suites: nodistro
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg

Enabled: no
Types: deb
URIs: https://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: https://src.example/debian
Suites: bookworm
Components: main
"""
KEY = "/usr/share/keyrings/debian-archive-keyring.gpg"
LINES = f"""\
# deb https://commented.example/debian bookworm main
deb [arch=amd64 signed-by={KEY}] http://m.example/debian bookworm main non-free # ours
deb-src http://m.example/debian bookworm main
deb http://m.example/security bookworm-security main
deb [signed-by=/etc/apt/keyrings/docker.asc] https://docker.example/linux/debian bookworm stable
deb cdrom:[Debian]/ bookworm main
"""


def apt(tmp_path: Path, **files: str) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    for name, text in files.items():
        stem, _, suffix = name.rpartition("_")
        (tmp_path / "sources.list.d" / f"{stem}.{suffix}").write_text(text)
    return tmp_path


def test_stanzas_are_read_with_their_continuation_lines() -> None:
    debian, vendor = sources.parse(STANZAS, stanzas=True)
    assert debian.suites == ("bookworm", "bookworm-updates", "bookworm-backports")
    assert debian.components == ("main", "contrib")
    assert vendor.uris == ("https://vendor.example/apt",)


def test_lines_are_read_with_their_options() -> None:
    first = next(sources.parse(LINES, stanzas=False))
    assert first == Source(
        ("http://m.example/debian",),
        ("bookworm",),
        ("main", "non-free"),
        KEY,
    )


def test_only_debians_own_go_into_the_image(tmp_path: Path) -> None:
    text = sources.debian_sources(apt(tmp_path, a_sources=STANZAS, b_list=LINES, c_off=LINES))
    assert text.count("Types: deb\n") == 3
    assert "Suites: bookworm bookworm-updates\n" in text
    for foreign in ("vendor", "docker", "off.example", "src.example", "cdrom", "backports"):
        assert foreign not in text


def test_every_source_in_the_image_names_a_key(tmp_path: Path) -> None:
    text = sources.debian_sources(apt(tmp_path, a_list="deb http://m.example/debian bookworm main"))
    assert f"Signed-By: {KEY}\n" in text


def test_a_vendor_with_debians_names_is_told_by_its_key() -> None:
    vendor = Source(("https://v.example",), ("bookworm",), ("main",), "/etc/apt/keyrings/v.asc")
    assert sources.of_debian(vendor) is None


def test_mirror_lists_of_cloud_images_are_followed(tmp_path: Path) -> None:
    mirrors = tmp_path / "mirrors"
    mirrors.write_text("# near\nhttps://near.example/debian\tpriority:1\n\nhttp://far.example/debian\n")
    stanza = f"Types: deb\nURIs: mirror+file:{mirrors}\nSuites: bookworm\nComponents: main\n"
    text = sources.debian_sources(apt(tmp_path, a_sources=stanza))
    assert "URIs: https://near.example/debian http://far.example/debian\n" in text


def test_a_machine_without_bookworm_is_told_so(tmp_path: Path) -> None:
    ubuntu = "deb http://u.example/ubuntu noble main universe\n"
    only_updates = "deb http://m.example/debian bookworm-updates main\n"
    for text in (ubuntu, only_updates):
        folder = tmp_path / str(len(text))
        folder.mkdir()
        with pytest.raises(LabError, match="no package source for Debian 'bookworm'"):
            sources.debian_sources(apt(folder, a_list=text))


def test_only_what_concerns_fetching_is_carried_over(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = (
        'Acquire::Check-Valid-Until "false";\n'
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::https::Proxy::direct.example "DIRECT";\n'
        'Acquire::Languages:: "none";\n'
    )
    unwanted = (
        'Acquire::http::Proxy-Auto-Detect "/usr/bin/here-only";\n'
        'DPkg::Post-Invoke:: "here-only";\n'
        'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";\n'
        'Dir::Cache "here-only";\n'
    )
    monkeypatch.setattr(sources, "run", lambda *_words: unwanted + wanted)
    assert sources.fetch_settings() == wanted
