"""How an operator's command ends: 0 done, 1 a host failed, 2 refused with reasons, 130 interrupted."""

import os
import sys
from collections.abc import Callable

from stack.errors import Refused

CHANGE = {"restart", "start", "stop", "pull", "lock", "unlock"}


def ended(command: Callable[[], int]) -> int:
    try:
        return command()
    except Refused as refused:
        for reason in refused.reasons:
            print(f"refused: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if CHANGE & {*sys.argv[1:2]}:
            print("interrupted: hosts end what they have begun; see `make status`", file=sys.stderr)
        return 130
    except BrokenPipeError:  # who reads us has had enough: `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
