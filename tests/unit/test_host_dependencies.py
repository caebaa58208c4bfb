"""Which trees have nothing to install, so that npm need not be asked."""

import json
from pathlib import Path
from typing import Any

import dependencies
import pytest

from stack.site import ROOT

BACKEND = ROOT / "reference" / "quantlab-backend"


@pytest.mark.parametrize(("tree", "nothing"), [("core", False), ("services/labeld", True)])
def test_of_the_reference_backend_only_core_has_dependencies(tree: str, nothing: bool) -> None:
    assert dependencies.needs_nothing(BACKEND / tree) == nothing


EMPTY: dict[str, Any] = {"packages": {"": {}}}
WANTS = {"dependencies": {"aws4": "1"}}


@pytest.mark.parametrize(
    ("package", "lock"),
    [
        ({}, {}),
        ({}, []),
        ({}, {"packages": []}),
        ({}, {"packages": {}}),
        ({}, {"packages": {"": None}}),
        ({}, {"packages": {"": {}, "node_modules/aws4": {}}}),
        (WANTS, EMPTY),  # they disagree: npm refuses that
        ({"workspaces": ["one"]}, EMPTY),
        ({}, {"packages": {"": WANTS}}),
        ([], EMPTY),
        (None, EMPTY),
    ],
)
def test_whatever_is_not_surely_empty_is_npms_to_judge(package: Any, lock: Any, tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    if package is not None:
        (tmp_path / "package.json").write_text(json.dumps(package))
    assert not dependencies.needs_nothing(tmp_path)
