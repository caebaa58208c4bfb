"""What the table of symptoms and causes is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from doctor.observed import Observed, Program


@dataclass(frozen=True)
class Evidence:
    """What a probe found. `root` names the service that is the cause; `words` fill the cause's `mend`."""

    text: str
    root: str | None = None
    mend: str = ""  # when something else mends it than the table says
    words: dict[str, str] = field(default_factory=dict)


# Asked of the program on which the symptom is seen, or of the host (None), as the symptom's row has it.
Probe = Callable[[Observed, Any], Evidence | None]


@dataclass(frozen=True)
class Cause:
    """One thing that may be wrong. `mend`: what to type, in order, with "; " between."""

    name: str
    means: str
    mend: str
    probe: Probe


@dataclass(frozen=True)
class Symptom:
    """What somebody notices, on whom (None: the host), and its causes, the more certain ones first."""

    name: str
    shows: str
    seen: Callable[[Observed], Sequence[Program | None]]
    causes: tuple[Cause, ...]
    every: bool = False  # causes that do not exclude each other: all that hold are told
