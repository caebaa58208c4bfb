"""Makes the checks from the catalogue: which hosts, services, files and ports each test is run for."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import paramiko
import pytest

from stack.catalogue import Program
from stack.desired import GUARDS, Desired, load
from stack.errors import Refused
from tests.verify.connection import Unreadable
from tests.verify.flow import UNDER_WAY, Flow, proofs
from tests.verify.observed import Observed
from tests.verify.probes import uses
from tests.verify.released import ByHand, released

Cases = Iterable[tuple[str, object]]

# What a test may be made for, by the name of its argument: each host's cases, by the name in the test's id.
KINDS: dict[str, Callable[[Desired], Cases]] = {
    "package": lambda w: [(name, name) for name in w.site.catalogue.packages],
    "path": lambda w: [(path, path) for path in [*w.files, *w.programs, *w.trusted, *w.directories]],
    "unit": lambda w: [(unit, unit) for unit in w.enabled],
    "guard": lambda w: [(unit, unit) for unit in GUARDS],
    "confined": lambda w: [(unit, unit) for unit in service_units(w)],
    "service": lambda w: [(s.name, s) for s in w.services],
    "served": lambda w: [(s.name, s) for s in w.services if s.port is not None],
    "guarded": lambda w: [(s.name, s) for s in w.services if s.health.http and s.health.http.auth],
    "stable": lambda w: [(s.name, s) for s in w.services if s.health.stable is not None],
    "built": lambda w: list({p.build: (p.build, p) for p in programs(w)}.values()),
    "pair": lambda w: [(b.name, (a, b)) for a, b in zip(w.services, w.services[1:], strict=False)],
    "use": lambda w: [(f"{s.name}-{o.name}", (s, o, at)) for s in w.services for o, at in uses(w, s)],
    "timer": lambda w: [(t.name, t) for t in w.site.timers_on(w.host)],
    "proof": lambda w: [(proof.name, proof) for proof in proofs(w)],
    "data": lambda w: [(path, path) for path in data_paths(w)],
    "shared": lambda w: [(item.path, item) for item in w.site.catalogue.shared],
}
observations = pytest.StashKey[dict[str, Observed | ByHand | str]]()


def programs(wanted: Desired) -> list[Program]:
    return [*wanted.services, *wanted.site.timers_on(wanted.host)]


def service_units(wanted: Desired) -> list[str]:
    """Every unit of ours that runs something: services, jobs, and what guards the releases."""
    names = (path.rpartition("/systemd/system/")[2] for path in [*wanted.files, *wanted.programs])
    return [name for name in names if name.endswith(".service")]


def data_paths(wanted: Desired) -> list[str]:
    catalogue = wanted.site.catalogue
    shared = [f"/opt/quantlab/shared/{item.path}" for item in catalogue.shared]
    return list(dict.fromkeys([*catalogue.data, *shared, *wanted.logs]))


def look(wanted: Desired) -> Observed | ByHand | str:
    """A host as it is, or why it cannot be looked at."""
    try:
        return Observed(released(wanted) if os.environ.get("AGAINST") == "release" else wanted)
    except ByHand as by_hand:
        return by_hand
    except (OSError, paramiko.SSHException, Unreadable) as error:
        reason = f"{type(error).__name__}: {error}"
        keys = isinstance(error, paramiko.BadHostKeyException) or "found in known_hosts" in reason
        then = "compare host keys: `make trust`" if keys else "is it up and deployed? `make deploy`"
        return f"{wanted.host.name}: cannot be looked at: {reason}\n  next: {then}"


def chosen() -> dict[str, Desired]:
    """The hosts that the deploy was for: what LIMIT left out need not be as wanted."""
    hosts = load()
    names = next(iter(hosts.values())).site.chosen(os.environ.get("LIMIT"))
    return {name: hosts[name] for name in names}


def pytest_configure(config: pytest.Config) -> None:
    try:
        hosts = chosen()
    except Refused as refused:
        pytest.exit("\n".join(f"refused: {reason}" for reason in refused.reasons), returncode=2)
    config.stash[UNDER_WAY] = Flow(hosts)  # it waits for data to pass: meanwhile all else is looked at
    with ThreadPoolExecutor(max_workers=16) as pool:
        seen = dict(zip(hosts, pool.map(look, hosts.values()), strict=True))
    config.stash[observations] = seen


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    looked = metafunc.config.stash[observations]
    if "looked" in metafunc.fixturenames:
        metafunc.parametrize("looked", list(looked.values()), ids=list(looked))
        return
    # A host that cannot be looked at fails one test, not two hundred.
    hosts = {name: found.wanted for name, found in looked.items() if isinstance(found, Observed)}
    for kind, cases in KINDS.items():
        if kind in metafunc.fixturenames:
            made = [(w, name, case) for w in hosts.values() for name, case in cases(w)]
            ids = [f"{w.host.name}-{name}" for w, name, _ in made]
            metafunc.parametrize(("where", kind), [(w, case) for w, _, case in made], ids=ids)
            return
    metafunc.parametrize("where", list(hosts.values()), ids=list(hosts))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A kind that the catalogue has none of (no timers, say) makes no test, rather than a skipped one."""
    empty = [item for item in items if isinstance(item, pytest.Function) and item.name.endswith("[NOTSET]")]
    if empty:
        config.hook.pytest_deselected(items=empty)
        items[:] = [item for item in items if item not in empty]


@pytest.fixture
def seen(where: Desired, pytestconfig: pytest.Config) -> Observed:
    """The host as it was when this run began."""
    found = pytestconfig.stash[observations][where.host.name]
    assert isinstance(found, Observed)
    return found


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Restarts are no failure, but nobody should have to look for them; nor for how long data takes."""
    if UNDER_WAY in config.stash:
        done = [f.result() for f in config.stash[UNDER_WAY].outcomes.values() if f.done()]
        if done:
            slowest = max(outcome.seconds for outcome in done)
            terminalreporter.write_line(f"{len(done)} proofs of the flow, the slowest in {slowest:.1f} s")
    for name, found in config.stash.get(observations, {}).items():
        if isinstance(found, Observed):
            for unit, properties in found.units.items():
                if properties.get("NRestarts", "0") != "0":
                    times = properties["NRestarts"]
                    terminalreporter.write_line(f"{name}: {unit} has restarted {times} times by itself")
