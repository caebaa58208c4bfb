"""How a failed check speaks: host, unit or path, what is wrong, what to type next. No stack trace."""

import pytest

from stack.desired import Desired


def require(good: bool, where: Desired, what: str, wrong: str, then: str) -> None:
    """Fail unless `good`. Secrets that found their way into `wrong` (a log line, a body) are blanked."""
    __tracebackhide__ = True
    if not good:
        for value in where.site.secrets().values():
            wrong = wrong.replace(value, "***")
        pytest.fail(f"{where.host.name}: {what}: {wrong}\n  next: {then}", pytrace=False)


def redeploy(where: Desired) -> str:
    return f"`ENV={where.site.environment} make deploy`"


def journal(where: Desired, unit: str) -> str:
    return f"on {where.host.name}: sudo journalctl -u {unit} -n 50"
