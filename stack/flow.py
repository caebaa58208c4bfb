"""What the services prove together, as data: the schema of the catalogue's `flow`."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Value = str | int | bool
Path = Annotated[str, Field(pattern=r"^/\S*$")]
GIVEN = {"symbol", "start", "date"}  # what every step may name; the rest is kept by steps before it


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(Model):
    """One question to one service, asked until its answer fits. A place is a path into the JSON: a.0.b;
    `*` stands for any."""

    service: str
    get: Path | None = None
    post: Path | None = None
    stream: Path | None = None  # server-sent events, read until one fits
    auth: str | None = None
    body: dict[str, Value] = {}
    equal: dict[str, Value] = {}  # place: the value there
    numbers: tuple[str, ...] = ()  # places that hold a number
    fresh: tuple[str, ...] = ()  # places whose sum is a time in ms, not before the start
    keep: dict[str, str] = {}  # name for the steps that follow: place

    @property
    def path(self) -> str:
        return self.get or self.post or self.stream or ""

    @model_validator(mode="after")
    def one_question(self) -> Step:
        if sum(path is not None for path in (self.get, self.post, self.stream)) != 1:
            raise ValueError("give exactly one of get, post, stream")
        if self.body and self.post is None:
            raise ValueError("only a post has a body")
        return self


class Proof(Model):
    """Something that the services do together, step by step."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]

    @property
    def writes(self) -> bool:
        return any(step.post for step in self.steps)

    def gaps(self, served: Collection[str], secrets: Collection[str]) -> list[str]:
        """What it asks for that is not there: services with a port, secrets, names kept before."""
        known, found = set(GIVEN), []
        for step in self.steps:
            if step.service not in served:
                found.append(f"no service with a port is named {step.service}")
            if step.auth and step.auth not in secrets:
                found.append(f"{step.auth} is not under `secrets`")
            texts = [step.path, *map(str, [*step.body.values(), *step.equal.values()])]
            asked = {name for text in texts for name in re.findall(r"\{(\w+)\}", text)}
            found += [f"{step.service}: nothing before it keeps {name}" for name in sorted(asked - known)]
            known |= step.keep.keys()
        return found


def filled(value: Value, known: dict[str, Value]) -> Value:
    """Known values in their places; a text that is nothing but one place takes the value itself."""
    if not isinstance(value, str):
        return value
    if (whole := re.fullmatch(r"\{(\w+)\}", value)) and whole[1] in known:
        return known[whole[1]]
    return re.sub(r"\{(\w+)\}", lambda found: str(known[found[1]]), value)
