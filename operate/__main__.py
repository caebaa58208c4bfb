"""`python -m operate COMMAND`: what the Makefile's operator targets call.

Exit codes: 0 done; 1 a host failed or could not be reached; 2 refused, nothing was asked of any host.
"""

from gevent import monkey

monkey.patch_all()  # before anything that opens a socket: hosts are asked at the same time

import sys  # noqa: E402

from operate import control, history, locks, pull, research, status  # noqa: E402
from stack.errors import Refused  # noqa: E402

COMMANDS = {
    "collector": research.collector,
    "history": history.show,
    "lock": locks.lock,
    "ml": research.ml,
    "pull": pull.pull,
    "restart": lambda: control.control("restart"),
    "runs": research.runs,
    "start": lambda: control.control("start"),
    "status": status.show,
    "stop": lambda: control.control("stop"),
    "unlock": locks.unlock,
}


def main() -> int:
    try:
        return COMMANDS[sys.argv[1]]()
    except Refused as refused:
        for reason in refused.reasons:
            print(f"refused: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
