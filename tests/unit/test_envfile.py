"""Env files: every value is read back as it was, or refused by name and never shown."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stack.envfile import Marks
from stack.errors import Refused

REFUSAL = "file: X: holds a quote, backslash or control character, which an env file cannot carry"


def written(value: str) -> str | None:
    """An env file with X in the middle; None when the value was refused, which must not show it."""
    marks = Marks()
    template = f"A=first\nX={marks.mark(value)}\nZ=last\n"
    reasons: tuple[str, ...] = ()
    try:
        return marks.fill(template, "file")
    except Refused as refused:
        reasons = refused.reasons
    assert reasons == (REFUSAL,)
    return None


def systemd(text: str) -> dict[str, str]:
    """Systemd's rule for single quotes: everything up to the next one, as it is."""
    found = {}
    for line in text.removesuffix("\n").split("\n"):
        name, _, quoted = line.partition("=")
        assert quoted[0] == quoted[-1] == "'", line
        assert not set(quoted[1:-1]) & set("'\n\r\0"), line
        found[name] = quoted[1:-1]
    return found


@given(st.text())
@example("it's")
@example("a\nROOT=1")
@example("a\u2028ROOT=1")
@example("\x000\x00")
@example("\ufffe")
@example('$HOME `id` ${X} #no " ! * ~ é 日本 \t%d')
def test_any_value_is_carried_or_refused(value: str) -> None:
    text = written(value)
    if text is not None:
        assert systemd(text) == {"A": "first", "X": value, "Z": "last"}
        assert len(text.splitlines()) == 3


@given(st.text(st.sampled_from('aé0 $`"#=&|;<>(){}[]*?!~%@\t'), max_size=20))
def test_what_any_shell_would_act_on_is_carried(value: str) -> None:
    assert written(value) is not None


@given(st.lists(st.text(), min_size=20, max_size=20))
@settings(max_examples=20, deadline=None)
def test_sh_reads_the_same(values: list[str]) -> None:
    marks = Marks()
    kept = [value for value in values if written(value) is not None]
    text = marks.fill("".join(f"X{n}={marks.mark(v)}\n" for n, v in enumerate(kept)) + "END=end", "file")
    show = "".join(f'printf "%s\\0" "$X{n}"\n' for n in range(len(kept)))
    out = subprocess.run(["sh"], input=(text + show).encode(), capture_output=True, check=True)
    assert out.stderr == b""
    assert out.stdout.decode().split("\0")[:-1] == kept


def test_a_file_is_sourced_whole(tmp_path: Path) -> None:
    file = tmp_path / "x.env"
    file.write_text(written('a "b" $HOME \t#c') or "")
    script = f'. {file}; printf %s "$X"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout == 'a "b" $HOME \t#c'


@given(st.text(), st.text())
def test_a_value_may_be_put_together(host: str, port: str) -> None:
    marks = Marks()
    template = f"URL=http://{marks.mark(host)}:{marks.mark(port)}/x\n"
    if written(host) is None or written(port) is None:
        with pytest.raises(Refused, match="URL: holds"):
            marks.fill(template, "file")
    else:
        assert systemd(marks.fill(template, "file")) == {"URL": f"http://{host}:{port}/x"}


@pytest.mark.parametrize("sign", ["\ufffe", "\uffff", "\ufdd0", "\U0001fffe", "\U0010ffff", "\ud800"])
def test_what_systemd_would_silently_drop_is_refused(sign: str) -> None:
    assert written(f"a{sign}b") is None


def test_every_variable_at_fault_is_named_at_once() -> None:
    marks = Marks()
    bad = marks.mark("hunter'2")
    with pytest.raises(Refused) as caught:
        marks.fill(f"# comment\n\nA={bad}\nnot a line\nB={bad}\n2C=x\n", "file")
    places = [reason.split(": ")[1] for reason in caught.value.reasons]
    assert places == ["A", "line 4 is not NAME=value", "B", "line 6 is not NAME=value"]
    assert "hunter" not in str(caught.value)


def test_a_value_cannot_make_a_name() -> None:
    marks = Marks()
    with pytest.raises(Refused, match="line 1 is not NAME=value"):
        marks.fill(f"{marks.mark('PATH')}=x\n", "file")
