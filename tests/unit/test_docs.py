"""The docs say what the code does: the table is current, and no key goes unmentioned."""

import re
import subprocess
from pathlib import Path

import pytest
from pydantic import BaseModel

from stack import docs
from stack.catalogue import Catalogue, Service, Timer
from stack.settings import Settings
from stack.site import ROOT


def test_the_tables_are_current() -> None:
    for page, text in docs.pages().items():
        assert page.read_text() == text, "type: make docs"


@pytest.mark.parametrize(
    ("model", "page"),
    [
        (Catalogue, docs.PAGE),
        (Service, docs.PAGE),
        (Timer, docs.PAGE),
        (Settings, ROOT / "docs/settings.md"),
    ],
)
def test_every_key_has_its_row(model: type[BaseModel], page: Path) -> None:
    rows = [line for line in page.read_text().splitlines() if line.startswith("| `")]
    missing = [key for key in model.model_fields if not any(f"`{key}`" in row for row in rows)]
    assert missing == []


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_runbook_names_commands_that_exist() -> None:
    page = (ROOT / "docs" / "runbook.md").read_text()
    for target in sorted(set(re.findall(r"`make ([a-z-]+)", page))):
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
