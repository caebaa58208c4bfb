"""User deploy owns the code, its home and the mirror: nothing that root does there makes it root."""

from collections.abc import Callable, Iterator

import pytest

from tests.lab.machines import Machine, deploy, run

CODE = "/home/deploy/quantlab-backend"
TRAPS = f"""
cat > /home/deploy/trap.sh <<'END'
#!/bin/sh
id -un >> /var/tmp/trapped
END
chmod 755 /home/deploy/trap.sh
install -m 666 /dev/null /var/tmp/trapped
echo untouched > /etc/quantlab-victim
su deploy -c '
    mkdir -p ~/template/info ~/template/hooks
    ln -s /etc/quantlab-victim ~/template/info/exclude
    ln -s ~/trap.sh ~/template/hooks/post-checkout
    git config --global init.templateDir ~/template
    git config --global core.fsmonitor ~/trap.sh
    git -C {CODE} config core.fsmonitor ~/trap.sh
    echo "process.exit(1);" >> {CODE}/services/labeld/server.js
'
systemctl stop quantlab-labeld
"""


@pytest.fixture
def trapped(host: Machine) -> Iterator[Callable[[], set[str]]]:
    """As whom the programs ran that user deploy has laid in wait."""
    code = host.sh(f"{TRAPS}readlink {CODE}")
    yield lambda: set(host.sh("cat /var/tmp/trapped").split())
    host.sh(
        f"""rm -rf /var/tmp/trapped /etc/quantlab-victim
        su deploy -c 'rm -rf ~/.gitconfig ~/trap.sh ~/template
            git -C {code} config --unset core.fsmonitor; git -C {code} reset -q --hard'"""
    )
    assert (result := deploy()).code == 0, result.text


def test_no_command_runs_as_root_what_user_deploy_has_laid_in_wait(
    host: Machine, trapped: Callable[[], set[str]], branch: Callable[[str, dict[str, str]], str]
) -> None:
    doctor = run("make", "--silent", "doctor")
    assert "its code was changed by hand: services/labeld/server.js (M)" in doctor.text
    drift = run("make", "--silent", "drift")
    assert "services/labeld/server.js" in drift.text
    name = branch("another", {"README.md": "A change that makes a new release.\n"})
    result = deploy(REV=name)
    assert result.code == 0, result.text
    assert trapped() == {"deploy"}  # they did run, and not as root
    assert host.sh("cat /etc/quantlab-victim") == "untouched"


def test_a_folder_of_the_tree_that_leads_elsewhere_is_not_written_through(host: Machine) -> None:
    """core/.env is root's, in a folder of user deploy's."""
    host.sh(
        f"mkdir /etc/quantlab-victim; cd {CODE}; su deploy -c 'mv core away; ln -s /etc/quantlab-victim core'"
    )
    try:
        result = deploy()
        assert result.code == 1, result.text
        assert "a link in the code leads out of the tree, to /etc/quantlab-victim" in result.text
        assert host.sh("ls -A /etc/quantlab-victim") == ""
    finally:
        host.sh(f"cd {CODE}; rm core; mv away core; rmdir /etc/quantlab-victim")
    assert (result := deploy()).code == 0, result.text


def test_whoever_is_on_the_host_cannot_keep_the_dead_man_switch_waiting(host: Machine) -> None:
    """Whoever can open the file by which steps exclude each other can hold it."""
    host.sh("python3 -I /usr/local/lib/quantlab deadman")
    other = "setpriv --reuid nobody --regid nogroup --clear-groups"
    assert "Permission denied" in host.sh(f"{other} flock /run/quantlab.mutex true 2>&1", check=False)
