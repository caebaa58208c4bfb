"""What a fault has left: the old release, the new one, or a host that says loudly that it is neither."""

from tests.faults.rig import Ended
from tests.lab.endstate import End


def judged(end: End, old: str, new: str, ended: Ended) -> str:
    """Old (a release) and new (a release or its commit) are whole in every file, unit and process. WRONG
    is what must never be."""
    if end.whole and end.live == old:
        return "old" if ended.code else "WRONG: old, but the run said that all was well"
    if end.whole and new in (end.live, end.commit):
        return "new"
    loud = ended.code != 0 and end.last["outcome"] in ("broken", "failed")
    word = "broken, and says so" if loud else "WRONG"
    return f"{word}: {'; '.join(end.faults) or f'still under way, timer {end.timer}'}\n{end}\n{ended.text}"
