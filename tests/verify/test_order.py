"""The documented start order: what systemd will do at boot, and what it did when it can be told."""

from itertools import pairwise

from stack.catalogue import Service
from stack.desired import Desired
from tests.verify.observed import Observed
from tests.verify.saying import redeploy, require


def entered(seen: Observed, unit: str) -> int:
    """When a unit became active (for a service: healthy), in microseconds of the monotonic clock."""
    return int(seen.units[unit].get("ActiveEnterTimestampMonotonic") or 0)


def started_once(seen: Observed, unit: str, begin: float, end: float) -> bool:
    """The unit's current start lies within begin..end and is the only one since begin."""
    since = [at for at in seen.starts.get(unit, []) if at > begin]
    return begin < entered(seen, unit) <= end and len(since) <= 1


def series(seen: Observed) -> set[str]:
    """The services whose start order must be the documented one: they were started in one go.

    That is so for what was started between quantlab.target being down and coming up (a boot, the first
    deploy), and for all services when each was started just once since the code link was last switched (a
    deploy that concerns all). Restarts of one service, by a deploy or by hand, have no order to keep.
    """
    units = [f"{service.unit}.service" for service in seen.wanted.services]
    target = seen.units["quantlab.target"]
    down, up = int(target.get("InactiveEnterTimestampMonotonic") or 0), entered(seen, "quantlab.target")
    together = {unit for unit in units if started_once(seen, unit, down, up)}
    link = seen.paths.get(seen.wanted.site.catalogue.code)
    if link:
        switched = (link.changed - seen.realtime + seen.monotonic) * 1e6
        if all(started_once(seen, unit, switched, seen.monotonic * 1e6) for unit in units):
            return set(units)
    return together


def test_after(where: Desired, seen: Observed, pair: tuple[Service, Service]) -> None:
    """At boot, each service waits for the one before it."""
    before, service = (f"{each.unit}.service" for each in pair)
    good = before in seen.units[service].get("After", "").split()
    require(good, where, service, f"is not ordered After={before}", redeploy(where))


def test_target_after_all(where: Desired, seen: Observed, service: Service) -> None:
    """quantlab.target is up when all services are, and pulls each of them in."""
    unit = f"{service.unit}.service"
    good = unit in seen.units["quantlab.target"].get("After", "").split()
    require(good, where, "quantlab.target", f"does not wait for {unit}", redeploy(where))


def test_started_in_order(where: Desired, seen: Observed) -> None:
    """Among services that were started in one go, each began only when the one before was healthy."""
    together = series(seen)
    units = [u for u in (f"{s.unit}.service" for s in where.services) if u in together]
    wrong = []
    for before, unit in pairwise(units):
        began = int(seen.units[unit]["InactiveExitTimestampMonotonic"])
        early = (entered(seen, before) - began) / 1e6
        if early > 0:
            wrong.append(f"{unit} began {early:.3f} s before {before} was healthy")
    require(
        not wrong,
        where,
        "start order",
        "; ".join(wrong),
        f"systemctl show {units[0] if units else ''} -p After",
    )
