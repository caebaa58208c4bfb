"""What is to be deployed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Revision:
    """What is to be deployed: the name that was asked for, and the commit that it is."""

    name: str
    commit: str
    branch: str
