"""`python -m operate COMMAND`: what the Makefile's operator targets call.

Exit codes: 0 done; 1 a host failed or could not be reached; 2 refused, nothing was asked of any host;
130 interrupted. `ml` ends with the exit code of its job.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is something to end

from gevent import monkey  # noqa: E402

monkey.patch_all()  # before anything that opens a socket: hosts are asked at the same time

import os  # noqa: E402
import sys  # noqa: E402

import gevent  # noqa: E402

from operate import control, drift, history, locks, logs, plan, research, status  # noqa: E402
from stack.errors import Refused  # noqa: E402

COMMANDS = {
    "collector": research.collector,
    "drift": drift.show,
    "history": history.show,
    "lock": locks.lock,
    "logs": logs.show,
    "ml": research.ml,
    "plan": plan.show,
    "restart": lambda: control.control("restart"),
    "runs": research.runs,
    "start": lambda: control.control("start"),
    "status": status.show,
    "stop": lambda: control.control("stop"),
    "unlock": locks.unlock,
}


def main() -> int:
    # To the main greenlet, whichever runs: in another one the interrupt would be printed as its error.
    gevent.signal_handler(signal.SIGINT, gevent.kill, gevent.getcurrent(), KeyboardInterrupt)
    try:
        return COMMANDS[sys.argv[1]]()
    except Refused as refused:
        for reason in refused.reasons:
            print(f"refused: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who reads us has had enough: `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
