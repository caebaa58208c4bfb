"""What is live: the code link, the release's state, the processes that run from it."""

import re

from stack.catalogue import Program, Service
from stack.desired import Desired
from tests.verify.observed import Observed
from tests.verify.saying import journal, redeploy, require

RELEASE = re.compile(r"/opt/quantlab/releases/[^/]+/code")


def test_code_leads_into_a_release(where: Desired, seen: Observed) -> None:
    code, leads = where.site.catalogue.code, seen.release["leads"]
    whole = RELEASE.fullmatch(leads) is not None
    require(whole, where, code, f"leads to {leads or 'nowhere'}, not into a release", redeploy(where))
    there = seen.machine.file(leads).is_directory
    require(there, where, code, f"leads to {leads}, which is not there", redeploy(where))


def test_release_is_good(where: Desired, seen: Observed) -> None:
    state, leads = seen.release["state"], seen.release["leads"]
    require(state == "good", where, leads, f"its state is {state!r}, not 'good'", redeploy(where))


def test_code_is_the_commit(where: Desired, seen: Observed) -> None:
    """What a service would run at its next start: a `git pull` or an edit by hand shows here."""
    code, catalogue = where.site.catalogue.code, where.site.catalogue
    ours = [*(item.path for item in catalogue.shared), catalogue.dotenv.path]
    head, wanted = seen.git("rev-parse", "HEAD"), seen.release["commit"]
    edited = seen.git(
        "status", "--porcelain", "--untracked-files=no", "--", ".", *(f":(exclude){path}" for path in ours)
    )
    wrong = [] if head == wanted else [f"is at commit {head[:12]}, not at the release's {wanted[:12]}"]
    wrong += (
        [f"edited: {', '.join(line.split(maxsplit=1)[1] for line in edited.splitlines())}"] if edited else []
    )
    user = catalogue.user
    git = f"sudo -u {user} git -C {code}"
    then = f"see: {git} diff {wanted[:12]}; undo: {git} reset --hard {wanted[:12]}"
    require(not wrong, where, code, "; ".join(wrong), then)


def test_dependencies(where: Desired, seen: Observed, built: Program) -> None:
    missing = seen.missing(built)
    what = f"{where.site.catalogue.code}/{built.build}"
    require(
        not missing, where, what, f"not installed: {', '.join(missing[:5])}", f"install by {what}'s lock file"
    )


def test_process(where: Desired, seen: Observed, service: Service) -> None:
    """Runs as the user, from a release that is still there: an older one, if nothing of it changed since."""
    pid = seen.units[f"{service.unit}.service"].get("MainPID", "0")
    require(pid != "0", where, service.unit, "has no process", journal(where, service.unit))
    process, user = seen.processes[pid], where.site.catalogue.user
    wrong = [] if process.user == user else [f"runs as {process.user}, not as {user}"]
    inside = RELEASE.match(process.folder) and not process.folder.endswith(" (deleted)")
    if not inside or not process.folder.endswith(f"/code/{service.directory}"):
        wrong.append(f"runs in {process.folder or 'no folder'}, not in a release's {service.directory}")
    require(not wrong, where, service.unit, "; ".join(wrong), f"sudo systemctl restart {service.unit}")


def test_nothing_is_under_way(where: Desired, seen: Observed) -> None:
    """No activation that nobody confirmed, and no dead-man switch counting down."""
    text = seen.connection.output("cat /var/lib/quantlab/pending.json", good=(0, 1))
    require(not text, where, "release", "an activation was never confirmed", redeploy(where))
    state = seen.units["quantlab-deadman.timer"]["ActiveState"]
    require(state == "inactive", where, "quantlab-deadman.timer", f"is {state}", "wait for it, or deploy")
