"""The failures that an operator can cause or mend: one line each, no stack trace."""


class LabError(Exception):
    """What happened, where, and what to type next."""


class LabNotRunning(LabError):
    """There is no such lab: the one thing that inventories and tests must tell apart."""
