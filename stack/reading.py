"""Files that operators write: read strictly, and what is wrong told in their words."""

from __future__ import annotations

import re
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # C: 13 ms less
    """YAML's own rule, which its parser does not keep: a key stands once in a mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if doubles := {key for key in keys if keys.count(key) > 1}:
            raise yaml.constructor.ConstructorError(
                None, None, f"given twice: {', '.join(sorted(doubles))}", node.start_mark
            )
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def problems(raw: Any, error: ValidationError) -> list[str]:
    """One line for each of pydantic's findings. The offending value itself is never shown."""
    return [
        f"{_place(raw, item['loc']) or 'file'}: "
        + item["msg"].removeprefix("Value error, ").replace("Extra inputs are not permitted", "unknown key")
        for item in error.errors(include_url=False, include_input=False)
    ]


def _place(raw: Any, location: tuple[int | str, ...]) -> str:
    """Turn pydantic's location into an operator's: list positions become the entry's name."""
    words: list[str] = []
    for key in location:
        if isinstance(key, int) and isinstance(raw, list) and key < len(raw):
            raw = raw[key]
            if isinstance(raw, dict) and "name" in raw:
                words[-1:] = [words[-1].rstrip("s"), str(raw["name"])]
                continue
        else:
            raw = raw.get(key) if isinstance(raw, dict) else None
        words.append(str(key))
    return re.sub(r"^(service|timer|flow): ", r"\1 ", ": ".join(words))
