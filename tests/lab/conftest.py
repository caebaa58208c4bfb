"""One lab of its own for the tests of the deploy, deployed once."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import state
from tests.lab.machines import NAME, ROOT, Machine, Result, deploy, lab


@pytest.fixture(scope="session")
def fresh() -> Iterator[Result]:
    """The lab, bare, and then deployed once; the result of that first deploy."""
    lab("down")
    lab("up", "--hosts", "1")
    try:
        yield deploy()
    finally:
        lab("down")


@pytest.fixture
def host(fresh: Result) -> Machine:
    assert fresh.code == 0, fresh.text
    return Machine(0)


@pytest.fixture
def lab_json(host: Machine) -> Iterator[Callable[[dict[str, object]], None]]:
    """Change what the controller knows of the lab, for one test."""
    file = state.path(ROOT, NAME)
    text = file.read_text()

    def change(values: dict[str, object]) -> None:
        file.write_text(json.dumps({**json.loads(text), **values}))

    yield change
    file.write_text(text)


@pytest.fixture
def branch(host: Machine, tmp_path: Path) -> Callable[[str, dict[str, str]], str]:
    """Push a branch of the backend with some files replaced; returns its name."""
    remote = ROOT / ".lab" / NAME / "git" / "quantlab-backend.git"

    def push(name: str, files: dict[str, str]) -> str:
        work = tmp_path / name
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        git = ["git", "-c", "safe.directory=*"]
        subprocess.run([*git, "clone", "-q", str(remote), str(work)], check=True)
        for path, content in files.items():
            (work / path).write_text(content)
        subprocess.run([*git, *identity, "commit", "-qam", name], cwd=work, check=True)
        subprocess.run([*git, "push", "-qf", "origin", f"HEAD:refs/heads/{name}"], cwd=work, check=True)
        return name

    return push
