"""One exception for everything that an operator can mend."""


class Refused(Exception):
    """A deploy that must not start, or must stop: a list of one-line reasons, each naming its place.

    Shown to the operator as it is, without a stack trace.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons
