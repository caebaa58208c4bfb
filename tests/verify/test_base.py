"""The host itself: packages, user, every file and folder, and who may write where."""

import pytest

from stack.catalogue import Shared
from stack.desired import Desired
from tests.verify.observed import Observed
from tests.verify.released import ByHand
from tests.verify.saying import redeploy, require


def test_host(looked: Observed | ByHand | str) -> None:
    """The host can be reached, with the key that is known, and has what is needed to look at it."""
    if isinstance(looked, ByHand):
        pytest.skip(str(looked))
    if isinstance(looked, str):
        pytest.fail(looked, pytrace=False)


def test_package(where: Desired, seen: Observed, package: str) -> None:
    require(package in seen.packages, where, f"package {package}", "is not installed", redeploy(where))


def test_user(where: Desired, seen: Observed) -> None:
    user = seen.machine.user(where.site.catalogue.user)
    require(user.exists, where, f"user {user.name}", "does not exist", redeploy(where))
    require(user.uid != 0, where, f"user {user.name}", "has root's uid", f"give {user.name} its own uid")
    login = user.shell == "/bin/bash"
    require(
        login, where, f"user {user.name}", f"has shell {user.shell}", f"sudo usermod -s /bin/bash {user.name}"
    )
    strong = sorted({"root", "sudo", "adm", "disk", "shadow", "docker", "lxd"} & set(user.groups))
    wrong, then = f"is in {', '.join(strong)}", f"sudo gpasswd -d {user.name} {' '.join(strong)}"
    require(not strong, where, f"user {user.name}", wrong, then)
    rights = seen.connection.run(f"sudo -n -l -U {user.name} /bin/true")
    require(rights.rc != 0, where, f"user {user.name}", "may use sudo", "remove it from sudoers and groups")


def test_file(where: Desired, seen: Observed, path: str) -> None:
    folder = where.directories.get(path)
    wanted = folder or {**where.files, **where.programs, **where.trusted}[path]
    found = seen.paths.get(path)
    require(found is not None, where, path, "is not there", redeploy(where))
    assert found is not None
    kind = "directory" if folder else "regular file"
    wrong = [
        f"{word} {has}, not {should}"
        for word, has, should in (
            ("is a", found.kind, kind),
            ("mode", found.mode, f"{wanted.mode:04o}"),
            ("owner", found.owner, wanted.owner),
            ("group", found.group, wanted.group),
        )
        if has != should
    ]
    if not folder and seen.hashes.get(path) != wanted.sha256:
        wrong.append("content differs from what is rendered")
    require(not wrong, where, path, "; ".join(wrong), redeploy(where))


def test_env_files_are_roots_alone(where: Desired, seen: Observed) -> None:
    """Including files that nobody rendered: an old one still holds secrets."""
    text = seen.connection.output("find /etc/quantlab -mindepth 1 -printf '%p %m %u:%g\\n'")
    rows = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in text.splitlines()}
    rows = {path: row for path, row in rows.items() if path not in where.directories}
    wrong = [f"{path} is {row}" for path, row in rows.items() if row != "600 root:root"]
    wrong += [f"{path} belongs to no service" for path in rows if path not in where.files]
    user = where.site.catalogue.user
    for who in (user, "nobody"):
        wrong += [f"{path} can be read by {who}" for path in seen.allowed(who, "r", list(rows))]
    require(not wrong, where, "/etc/quantlab", "; ".join(wrong), f"remove or chmod them; {redeploy(where)}")


def test_data_is_the_users_alone(where: Desired, seen: Observed, data: str) -> None:
    user, found = where.site.catalogue.user, seen.paths.get(data)
    require(found is not None, where, data, "is not there", redeploy(where))
    assert found is not None
    mode = "0750" if found.kind == "directory" else "0640"
    group = "adm" if data in where.logs else user
    wrong = []
    if (found.mode, found.owner, found.group) != (mode, user, group):
        wrong.append(f"is {found.owner}:{found.group} {found.mode}, not {user}:{group} {mode}")
    if data not in seen.writable[user]:
        wrong.append(f"{user} cannot write to it")
    if data in seen.writable["nobody"]:
        wrong.append("user nobody can write to it")
    require(
        not wrong,
        where,
        data,
        "; ".join(wrong),
        f"sudo chown {user}:{group} {data}; sudo chmod {mode} {data}",
    )


def test_shared_is_linked(where: Desired, seen: Observed, shared: Shared) -> None:
    path, kept = f"{where.site.catalogue.code}/{shared.path}", f"/opt/quantlab/shared/{shared.path}"
    leads = seen.links[path]
    require(leads == kept, where, path, f"leads to {leads or 'nowhere'}, not to {kept}", redeploy(where))
