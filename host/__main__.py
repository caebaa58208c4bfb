"""What runs on a host: `python3 -I /usr/local/lib/quantlab VERB`, its request as JSON on stdin.

Installed by the deploy, standard library only. Requests may hold secrets: they come over stdin and
are never printed.
"""

import json
import sys

import activate
import confirm
import prepare
import service
from common import Failed

VERBS = {
    "prepare": prepare.prepare,
    "activate": activate.activate,
    "start": service.start,
    "confirm": confirm.confirm,
}


def main() -> int:
    request = json.loads(sys.stdin.readline())
    try:
        answer = VERBS[sys.argv[1]](request)
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
