"""Roles spread over two hosts: the documented order holds across them."""

from tests.lab.machines import Machine, deploy, lab, verify


def test_two_hosts(host: Machine) -> None:
    lab("up", "--hosts", "2")
    result = deploy(ENV="split")
    assert result.code == 0, result.text
    replayd = result.text.index("Starting operation: Start replayd")
    assert replayd < result.text.index("Starting operation: Start featurexd")
    market, research = Machine(0), Machine(1)
    assert set(market.pids()) >= {"quantlab-replayd.service", "quantlab-collector.service"}
    assert market.sh("systemctl is-enabled quantlab-featurexd", check=False) != "enabled"
    assert f"REPLAYD_URL='http://{market.address}:3030'" in research.sh("cat /etc/quantlab/featurexd.env")
    result = verify(ENV="split")
    assert result.code == 0, result.text
    again = deploy(ENV="split")
    assert again.code == 0, again.text
    assert "Success" not in again.text.split("Results:")[0]
