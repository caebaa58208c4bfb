"""`make secrets`: what each verb writes, what it refuses, and that no value is ever shown."""

import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyrage
import pytest

from operate import secrets
from operate.exits import ended
from stack import textconv
from stack.site import ROOT
from stack.vault import open_vault

NAMES = ["A_TOKEN", "B_TOKEN"]
Run = Callable[..., int]


def key(file: Path) -> str:
    identity = pyrage.x25519.Identity.generate()
    file.write_text(f"{identity}\n")
    return str(identity.to_public())


@pytest.fixture
def mine(tmp_path: Path) -> str:
    return key(tmp_path / "identity")


@pytest.fixture
def run(tmp_path: Path, mine: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command with the variables given, against a vault in the test's folder."""
    settings = SimpleNamespace(secrets=tmp_path / "secrets/test.age", identity=tmp_path / "identity")
    site = SimpleNamespace(
        environment="test", settings=settings, catalogue=SimpleNamespace(secrets=tuple(NAMES))
    )
    monkeypatch.setattr(secrets, "load", lambda: site)

    def run(typed: str | None = None, **variables: str) -> int:
        with monkeypatch.context() as patch:
            for name in ("LIST", "SET", "GENERATE", "ADD", "REMOVE", "JSON", "VISUAL"):
                patch.delenv(name, raising=False)
            for name, value in variables.items():
                patch.setenv(name, value)
            stdin = SimpleNamespace(isatty=lambda: False, read=lambda: typed)
            patch.setattr("sys.stdin", stdin)
            return ended(secrets.main)

    return run


def values(folder: Path, identity: str = "identity", names: list[str] = NAMES) -> dict[str, str]:
    return open_vault(folder / "secrets/test.age", folder / identity, names)


def editor(folder: Path, script: str) -> str:
    """An $EDITOR that runs a script on its file, and notes what the file was like."""
    file = folder / "editor"
    note = 'stat -c "%a" "$(dirname "$1")" "$1" >>"$0.seen"; stat -f -c %T "$1" >>"$0.seen"'
    file.write_text(f"#!/bin/sh\n{note}\n{script}\n")
    file.chmod(0o700)
    return str(file)


def leftovers() -> set[str]:
    return {path.name for path in Path("/dev/shm").glob("quantlab-*")}  # noqa: S108


def test_generated_tokens_are_random_and_long(run: Run, tmp_path: Path, mine: str) -> None:
    assert run(GENERATE="A_TOKEN,B_TOKEN") == 0
    first = values(tmp_path)
    assert len({*first.values()}) == 2
    assert all(len(bytes.fromhex(value)) == 32 for value in first.values())
    assert stat.S_IMODE((tmp_path / "secrets/test.age").stat().st_mode) == 0o600
    assert run(GENERATE="B_TOKEN") == 0
    second = values(tmp_path)
    assert (first["A_TOKEN"], first["B_TOKEN"] != second["B_TOKEN"]) == (second["A_TOKEN"], True)
    assert mine in (tmp_path / "secrets/test.recipients").read_text()


def test_a_value_is_set_from_standard_input(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("hunter2\n", SET="A_TOKEN") == 0
    said = capsys.readouterr()
    assert "still missing: B_TOKEN" in said.out
    assert "hunter2" not in said.out + said.err
    assert values(tmp_path, names=["A_TOKEN"]) == {"A_TOKEN": "hunter2"}


def test_a_value_that_no_env_file_carries_is_kept_to_the_letter(run: Run, tmp_path: Path) -> None:
    assert run("hunter2's \\ first line\nand another\n", SET="A_TOKEN") == 0
    assert values(tmp_path, names=["A_TOKEN"]) == {"A_TOKEN": "hunter2's \\ first line\nand another"}


@pytest.mark.parametrize(
    ("typed", "variables", "said"),
    [
        ("x", {"SET": "NOSUCH"}, "NOSUCH: not in the catalogue; its secrets are: A_TOKEN, B_TOKEN"),
        ("x", {"SET": "A_TOKEN,B_TOKEN"}, "one name at a time"),
        ("\n", {"SET": "A_TOKEN"}, "A_TOKEN is empty"),
        ("x ", {"SET": "A_TOKEN"}, "A_TOKEN begins or ends with a blank"),
        (None, {"ADD": "age1nonsense Bob"}, "is neither an age key (age1…) nor an ssh-ed25519 one"),
        (None, {"REMOVE": "Bob"}, "Bob: none of the recipients; there are: "),
        (None, {"LIST": "1", "GENERATE": "A_TOKEN"}, "one at a time: GENERATE, LIST"),
    ],
)
def test_what_is_refused_changes_nothing(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    typed: str | None,
    variables: dict[str, str],
    said: str,
) -> None:
    assert run(GENERATE="A_TOKEN,B_TOKEN") == 0
    before = (tmp_path / "secrets/test.age").read_bytes()
    assert run(typed, **variables) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "hunter2" not in told.out + told.err
    assert (tmp_path / "secrets/test.age").read_bytes() == before
    assert [path.name for path in (tmp_path / "secrets").iterdir()].count("test.age") == 1


def test_list_shows_names_and_never_values(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("hunter2", SET="A_TOKEN") == 0
    monkeypatch.setattr("sys.stdin", None)
    capsys.readouterr()
    assert run(LIST="1", JSON="1") == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["secrets"] == {"A_TOKEN": "there", "B_TOKEN": "missing"}
    assert "B_TOKEN is missing" in said.err
    assert run("hunter2", SET="B_TOKEN") == 0
    assert run(LIST="1") == 0
    assert "hunter2" not in capsys.readouterr().out


def test_recipients_come_and_go_and_the_last_word_is_rotation(
    run: Run, tmp_path: Path, mine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bob = key(tmp_path / "bob")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "eve", "-f", tmp_path / "eve"])
    assert run(GENERATE="A_TOKEN,B_TOKEN") == 0
    assert run(ADD=f"{bob} Bob Example") == 0
    assert run(ADD=(tmp_path / "eve.pub").read_text()) == 0
    assert values(tmp_path) == values(tmp_path, "bob") == values(tmp_path, "eve")
    text = (tmp_path / "secrets/test.recipients").read_text()
    assert f"\n# Bob Example\n{bob}\n" in text
    assert "\n# eve\nssh-ed25519 " in text
    capsys.readouterr()
    assert run(REMOVE="Bob Example") == 0
    assert "every value until today: A_TOKEN, B_TOKEN" in capsys.readouterr().out
    assert run(LIST="1") == 0
    with pytest.raises(Exception, match="cannot be opened with"):
        values(tmp_path, "bob")


def test_nobody_locks_themselves_out(
    run: Run, tmp_path: Path, mine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(GENERATE="A_TOKEN,B_TOKEN") == 0
    assert run(ADD=f"{key(tmp_path / 'bob')} Bob") == 0
    assert run(REMOVE=mine) == 2
    assert "is not among the recipients: you could not open" in capsys.readouterr().err
    assert values(tmp_path)


def test_a_recipient_written_by_hand_is_not_yet_one(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(GENERATE="A_TOKEN,B_TOKEN") == 0
    bob = key(tmp_path / "bob")
    with (tmp_path / "secrets/test.recipients").open("a") as file:
        file.write(f"# Bob\n{bob}\n")
    assert run(LIST="1") == 1
    assert "is sealed to 1, " in capsys.readouterr().err
    assert run(ADD=f"{bob} Bob") == 0
    assert run(LIST="1") == 0
    assert values(tmp_path, "bob")


def test_the_editor_gets_a_private_file_in_memory_that_goes_again(run: Run, tmp_path: Path) -> None:
    before = leftovers()
    fill = """sed -i "s/_TOKEN: .*/_TOKEN: 'hunter2'/" "$1"; echo copy >"$1~" """
    assert run(EDITOR=editor(tmp_path, fill)) == 0
    assert values(tmp_path) == dict.fromkeys(NAMES, "hunter2")
    assert (tmp_path / "editor.seen").read_text().split() == ["700", "600", "tmpfs"]
    assert leftovers() == before


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'A_TOKEN: [hunter2' >$1", "does not hold YAML"),
        ("echo 'A_TOKEN: hunter2' >$1", "B_TOKEN is missing"),
        ("echo 'C: hunter2' >>$1", "C is not in the catalogue"),
        ('sed -i "s/A_TOKEN: .*/A_TOKEN:/" $1', "must hold a mapping of names to strings"),
        ("""sed -i "s/A_TOKEN: .*/A_TOKEN: ''/" $1""", "A_TOKEN is empty"),
        ("rm $1; exit 3", "ended with 3: nothing was changed"),
    ],
)
def test_a_wrong_edit_keeps_the_old_file(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], script: str, said: str
) -> None:
    assert run(GENERATE="A_TOKEN,B_TOKEN") == 0
    before, there = (tmp_path / "secrets/test.age").read_bytes(), leftovers()
    assert run(EDITOR=editor(tmp_path, script)) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "hunter2" not in told.out + told.err
    assert (tmp_path / "secrets/test.age").read_bytes() == before
    assert leftovers() == there


def test_what_somebody_else_wrote_meanwhile_is_kept(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(GENERATE="A_TOKEN,B_TOKEN") == 0
    script = f"""sed -i "s/_TOKEN: .*/_TOKEN: 'x'/" $1; echo other >{tmp_path}/secrets/test.age"""
    assert run(EDITOR=editor(tmp_path, script)) == 2
    assert "was changed by somebody else meanwhile" in capsys.readouterr().err
    assert (tmp_path / "secrets/test.age").read_text() == "other\n"


def test_git_diff_shows_which_names_changed_and_no_value(run: Run, tmp_path: Path) -> None:
    assert run("hunter2", SET="A_TOKEN") == 0
    assert run("hunter2", SET="B_TOKEN") == 0
    file, identity = tmp_path / "secrets/test.age", tmp_path / "identity"
    first = textconv.lines(file.read_bytes(), [tmp_path / "none", identity])
    assert run("hunter3", SET="B_TOKEN") == 0
    second = textconv.lines(file.read_bytes(), [identity])
    assert [line.split(":")[0] for line in first] == NAMES
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, False]
    digests = {line.split(": ")[1] for line in first}
    assert len(digests) == 2  # one value under two names does not look alike
    assert "hunter" not in "".join(first)
    key(tmp_path / "stranger")
    (line,) = textconv.lines(file.read_bytes(), [tmp_path / "stranger"])
    assert line.startswith("cannot be opened here")
    assert textconv.digest(b"one", "A", "x") != textconv.digest(b"other", "A", "x")


def test_git_takes_secrets_files_along_and_knows_how_to_show_them() -> None:
    git = ["git", "-c", f"safe.directory={ROOT}"]
    ignored = subprocess.run([*git, "check-ignore", "secrets/production.age"], cwd=ROOT, capture_output=True)
    assert ignored.returncode == 1, ignored.stdout
    told = subprocess.check_output([*git, "check-attr", "diff", "secrets/production.age"], cwd=ROOT)
    assert told.split()[-1] == b"age"
    assert "git config diff.age.textconv" in (ROOT / "bootstrap.sh").read_text()


def test_an_ssh_key_serves_as_identity(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = tmp_path / "identity"
    identity.unlink()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", identity], check=True)
    assert run(GENERATE="A_TOKEN,B_TOKEN") == 0
    assert set(values(tmp_path)) == set(NAMES)
    assert "\nssh-ed25519 " in (tmp_path / "secrets/test.recipients").read_text()
    identity.with_name("identity.pub").unlink()
    (tmp_path / "secrets/test.recipients").unlink()
    assert run(LIST="1") == 2
    assert "identity.pub: is not there" in capsys.readouterr().err
