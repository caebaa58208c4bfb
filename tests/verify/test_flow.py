"""Data flows: what the catalogue's proofs ask of the services together."""

import pytest

from stack.desired import Desired, load
from stack.flow import Proof
from tests.verify.flow import UNDER_WAY
from tests.verify.saying import journal, require


def test_flow(where: Desired, proof: Proof, pytestconfig: pytest.Config) -> None:
    outcome = pytestconfig.stash[UNDER_WAY].outcomes[where.host.name, proof.name].result()
    home = load()[outcome.host.name] if outcome.host else where
    unit = next((s.unit for s in home.services if s.name == outcome.service), "quantlab.target")
    wrong = f"{outcome.service or 'no step'} {outcome.wrong} (after {outcome.seconds:.1f} s)"
    require(outcome.wrong is None, home, f"flow {proof.name}", wrong, journal(home, unit))
