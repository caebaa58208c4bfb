"""Secrets at rest: what was sealed comes back to its recipients, and nothing of it is ever shown."""

import subprocess
from pathlib import Path

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.errors import Refused
from stack.vault import open_vault, seal

VALUES = {"A_TOKEN": "hunter2", "B_TOKEN": "123", "C_TOKEN": "yes: [no] # 'quoted'"}
Pair = tuple[Path, str]  # the identity's file, and its recipient


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    identity = pyrage.x25519.Identity.generate()
    file = tmp_path / "identity"
    file.write_text(f"# created: now\n# public key: {identity.to_public()}\n{identity}\n")
    return file, str(identity.to_public())


@pytest.fixture
def ssh_pair(tmp_path: Path) -> Pair:
    file = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    return file, file.with_suffix(".pub").read_text().strip()


def opened(folder: Path, sealed: bytes, identity: Path, names: list[str] | None = None) -> dict[str, str]:
    file = folder / "secrets.age"
    file.write_bytes(sealed)
    return open_vault(file, identity, list(VALUES) if names is None else names)


def refused(folder: Path, sealed: bytes, identity: Path, names: list[str] | None = None) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        opened(folder, sealed, identity, names)
    assert "hunter2" not in str(caught.value)
    return tuple(reason.rsplit("/", 1)[-1] for reason in caught.value.reasons)


@pytest.mark.parametrize(
    ("value", "wrong"),
    [("", "is empty"), (" ", "is empty"), ("hunter2 ", "begins or ends with a blank")],
)
def test_a_value_that_cannot_guard_is_refused(tmp_path: Path, pair: Pair, value: str, wrong: str) -> None:
    sealed = seal({**VALUES, "A_TOKEN": value}, [pair[1]])
    assert refused(tmp_path, sealed, pair[0]) == (f"secrets.age: A_TOKEN {wrong}",)


def test_a_name_given_twice_is_refused(tmp_path: Path, pair: Pair) -> None:
    text = b"A_TOKEN: hunter2\nA_TOKEN: other\nB_TOKEN: x\nC_TOKEN: x\n"
    sealed = pyrage.encrypt(text, [pyrage.x25519.Recipient.from_str(pair[1])])
    assert refused(tmp_path, sealed, pair[0]) == ("secrets.age: does not hold YAML, or a name twice",)


def test_an_identity_that_is_no_text_is_refused(tmp_path: Path, pair: Pair) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(Refused, match=r"secrets\.age: cannot be opened with .*binary: "):
        opened(tmp_path, seal(VALUES, [pair[1]]), binary)


def test_what_was_sealed_comes_back(tmp_path: Path, pair: Pair) -> None:
    identity, recipient = pair
    sealed = seal(VALUES, [recipient])
    assert sealed.startswith(b"age-encryption.org/v1\n-> X25519 ")  # the standard format
    assert b"hunter2" not in sealed
    assert b"A_TOKEN" not in sealed
    assert opened(tmp_path, sealed, identity) == VALUES


def test_an_ssh_key_is_an_identity_too(tmp_path: Path, ssh_pair: Pair, pair: Pair) -> None:
    sealed = seal(VALUES, [ssh_pair[1], pair[1]])
    assert b"-> ssh-ed25519 " in sealed
    assert opened(tmp_path, sealed, ssh_pair[0]) == opened(tmp_path, sealed, pair[0]) == VALUES


@given(
    st.dictionaries(
        st.text(st.characters(categories=["Lu"]), min_size=1),
        st.text(min_size=1).filter(lambda text: text == text.strip()),
    )
)
@settings(max_examples=30, deadline=None)
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]) -> None:
    folder = tmp_path_factory.mktemp("vault")
    identity = pyrage.x25519.Identity.generate()
    (folder / "identity").write_text(str(identity))
    sealed = seal(values, [str(identity.to_public())])
    assert opened(folder, sealed, folder / "identity", list(values)) == values


def test_a_stranger_opens_nothing(tmp_path: Path, pair: Pair) -> None:
    stranger = pyrage.x25519.Identity.generate()
    (tmp_path / "stranger").write_text(str(stranger))
    with pytest.raises(Refused, match=r"secrets\.age: cannot be opened with .*/stranger: "):
        opened(tmp_path, seal(VALUES, [pair[1]]), tmp_path / "stranger")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "AGE-SECRET-KEY-1NONSENSE\n"])
def test_an_identity_that_is_none_is_refused(tmp_path: Path, pair: Pair, text: str) -> None:
    (tmp_path / "bad").write_text(text)
    with pytest.raises(Refused, match=r"cannot be opened with .*/bad: "):
        opened(tmp_path, seal(VALUES, [pair[1]]), tmp_path / "bad")


def test_a_damaged_file_is_refused(tmp_path: Path, pair: Pair) -> None:
    with pytest.raises(Refused, match=r"secrets\.age: cannot be opened with "):
        opened(tmp_path, seal(VALUES, [pair[1]])[:-5], pair[0])


def test_missing_and_surplus_names_are_told_at_once(tmp_path: Path, pair: Pair) -> None:
    sealed = seal(VALUES, [pair[1]])
    assert refused(tmp_path, sealed, pair[0], ["A_TOKEN", "D_TOKEN", "E_TOKEN"]) == (
        "secrets.age: D_TOKEN is missing",
        "secrets.age: E_TOKEN is missing",
        "secrets.age: B_TOKEN is not in the catalogue",
        "secrets.age: C_TOKEN is not in the catalogue",
    )


@pytest.mark.parametrize("plain", [b"hunter2", b"[hunter2]", b"A_TOKEN: 2\nB: hunter2", b"A: {x: hunter2}"])
def test_what_is_no_mapping_of_strings_is_refused(tmp_path: Path, pair: Pair, plain: bytes) -> None:
    sealed = pyrage.encrypt(plain, [pyrage.x25519.Recipient.from_str(pair[1])])
    assert refused(tmp_path, sealed, pair[0]) == ("secrets.age: must hold a mapping of names to strings",)


@pytest.mark.parametrize(
    "plain", [b"A_TOKEN: hunter2: x\n", b"A_TOKEN: [hunter2\n", b"A_TOKEN: hunter2\xff\n"]
)
def test_what_is_no_yaml_is_refused_without_quoting_it(tmp_path: Path, pair: Pair, plain: bytes) -> None:
    sealed = pyrage.encrypt(plain, [pyrage.x25519.Recipient.from_str(pair[1])])
    assert refused(tmp_path, sealed, pair[0]) == ("secrets.age: does not hold YAML, or a name twice",)


def test_missing_files_are_named(tmp_path: Path, pair: Pair) -> None:
    with pytest.raises(Refused, match=r"none\.age: no such secrets file"):
        open_vault(tmp_path / "none.age", pair[0], [])
    with pytest.raises(Refused, match="none: no such age identity"):
        opened(tmp_path, seal(VALUES, [pair[1]]), tmp_path / "none")
