"""What changed is shown; a value is not."""

import pytest

from stack.diff import changes, hidden, masked, unified, wanted
from stack.render import File

KEY = "of-this-run"
SECRET = "s3cr3t-value"


def env(*lines: str) -> dict[str, object] | None:
    return wanted("/etc/quantlab/x.env", File("\n".join(lines) + "\n", 0o600), KEY)


def test_an_env_file_shows_names_alone() -> None:
    before, after = env("A='1'", "B='2'", "C='3'"), env("A='1'", f"B='{SECRET}'", f"D='{SECRET}'")
    lines = changes(before, after, KEY)
    assert lines == ["- C=…", "+ D=…", "~ B: differs"]
    assert SECRET not in str((before, after, lines))


def test_an_env_file_that_only_looks_otherwise_says_so() -> None:
    one, other = {"variables": {"A": "x"}, "size": 1}, {"variables": {"A": "x"}, "size": 2}
    assert changes(one, other, KEY) == ["the same variables: order, quotes or comments differ"]


def test_a_unit_shows_its_lines() -> None:
    lines = changes({"text": "[Service]\nRestart=no\n"}, {"text": "[Service]\nRestart=always\n"}, KEY)
    assert lines[1:] == [" [Service]", "-Restart=no", "+Restart=always"]


@pytest.mark.parametrize(
    "line",
    [
        f"Environment=TOKEN={SECRET}",
        f"  Environment = TOKEN={SECRET}",
        f'Environment="TOKEN={SECRET}" B={SECRET}',
        f"Environment=A=1 \\\n  TOKEN={SECRET}",
        f"SetCredential=token:{SECRET}",
        f"SetCredentialEncrypted=token: \\\n {SECRET}",
    ],
)
def test_what_a_unit_assigns_is_hidden_and_its_change_is_not(line: str) -> None:
    assert SECRET not in masked(f"[Service]\n{line}\nRestart=no", KEY)
    shown = unified(f"[Service]\n{line}\n", f"[Service]\n{line}-changed\n", KEY)
    assert any(text.startswith("+") for text in shown)
    assert SECRET not in "\n".join(shown)


def test_a_known_secret_is_hidden_wherever_it_stands() -> None:
    assert hidden(f"ExecStart=/bin/x --token {SECRET}", [SECRET]) == "ExecStart=/bin/x --token …"


def test_links_and_large_files_are_said_only() -> None:
    text = {"text": "x"}
    assert changes(text, {"link": "/dev/null"}, KEY) == ["is a link to /dev/null"]
    assert changes(text, {"size": 10_000_000}, KEY) == ["secret, too large or binary: no diff"]
    long = unified("", "\n".join(map(str, range(500))), KEY)
    assert long[-1] == "… 441 lines more"
