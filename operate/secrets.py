"""`make secrets`: the secrets of one environment. LIST=1, SET=NAME, GENERATE=NAME[,NAME], ADD='age1… who',
REMOVE=who; without any of them, edit all in $EDITOR. No value is ever shown or passed as an argument.
"""

import getpass
import json
import os
import secrets
import sys

import yaml

from operate import editing
from operate.atomic import replace
from operate.exits import ended
from stack import recipients
from stack.errors import Refused
from stack.recipients import Recipient
from stack.site import ROOT, load
from stack.vault import faults, parsed, public, seal, unsealed


class Vault:
    """The secrets file of the environment, and who can open it."""

    def __init__(self) -> None:
        site = load()
        self.names = list(site.catalogue.secrets)
        self.command = f"make secrets ENV={site.environment}"
        self.file = ROOT / site.settings.secrets.expanduser()
        self.identity = ROOT / site.settings.identity.expanduser()
        self.list = self.file.with_suffix(".recipients")
        self.sealed = self.file.read_bytes() if self.file.exists() else None
        if self.list.exists():
            self.recipients = recipients.read(self.list.read_text(), str(self.list))
        else:
            self.recipients = [Recipient(public(self.identity), getpass.getuser())]
        self.values = {} if self.sealed is None else unsealed(self.sealed, self.identity, str(self.file))

    def write(self, values: dict[str, str], whom: list[Recipient]) -> None:
        """Seal values for `whom` and replace the file. Raises Refused if our own identity could not open
        it again, or if it is not the file any more that was read."""
        sealed = seal(values, [one.key for one in whom])
        try:
            unsealed(sealed, self.identity, str(self.file))
        except Refused:
            raise Refused(
                f"{self.identity} is not among the recipients: you could not open {self.file} any more"
            ) from None
        if self.sealed != (self.file.read_bytes() if self.file.exists() else None):
            raise Refused(f"{self.file} was changed by somebody else meanwhile: nothing was written")
        replace(self.file, sealed, 0o600)
        if whom != self.recipients or not self.list.exists():
            replace(self.list, recipients.written(whom).encode(), 0o644)

    def known(self, words: str) -> list[str]:
        """Names that the catalogue has."""
        names = [word for word in words.replace(",", " ").split() if word]
        if unknown := [name for name in names if name not in self.names]:
            raise Refused(
                f"{', '.join(unknown)}: not in the catalogue; its secrets are: {', '.join(self.names)}"
            )
        return names


def show(vault: Vault) -> int:
    """Which names there are; exit code 1 when a deploy would be refused for one."""
    state = {name: "there" if name in vault.values else "missing" for name in vault.names}
    state |= {name: "surplus" for name in vault.values if name not in state}
    count = recipients.stanzas(vault.sealed or b"")
    if os.environ.get("JSON", "") not in ("", "0"):
        whom = {one.who: one.key for one in vault.recipients}
        print(json.dumps({"secrets": state, "recipients": whom, "sealed_to": count}, indent=1))
    else:
        print(f"{vault.file}: {'not there yet' if vault.sealed is None else f'opens with {vault.identity}'}")
        print("\n".join(f"  {name:<24}  {how}" for name, how in state.items()))
        print("recipients:")
        print("\n".join(f"  {one.who:<24}  {one.key}" for one in vault.recipients))
    if count not in (0, len(vault.recipients)):
        told = f"{vault.file} is sealed to {count}, {vault.list} names {len(vault.recipients)}"
        print(f"{told}: `{vault.command} ADD=` one of them again seals it anew", file=sys.stderr)
        return 1
    reasons = faults(vault.values, vault.names)
    print("".join(f"{reason}\n" for reason in reasons), end="", file=sys.stderr)
    return 1 if reasons else 0


def put(vault: Vault, values: dict[str, str], done: str) -> int:
    """Write some values beside the ones that there are; what is still missing is told, not refused."""
    found = [r for r in faults(values, list(values)) if not r.endswith("is missing")]
    if found:
        raise Refused(*found, "nothing was changed")
    vault.write(vault.values | values, vault.recipients)
    print(done)
    missing = [name for name in vault.names if name not in vault.values | values]
    if missing:
        print(f"still missing: {', '.join(missing)}")
    else:
        print("next: make deploy brings it to all who use it, and restarts only those")
    return 0


def given(vault: Vault, word: str) -> int:
    """Set one value, typed unseen or read from standard input."""
    names = vault.known(word)
    if len(names) != 1:
        raise Refused(f"SET={word}: one name at a time")
    value = getpass.getpass(f"{names[0]}: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n")
    return put(vault, {names[0]: value}, f"{names[0]} is set")


def generate(vault: Vault, words: str) -> int:
    names = vault.known(words)
    values = {name: secrets.token_hex(32) for name in names}
    return put(vault, values, f"{', '.join(names)}: a new random value of 256 bits each")


def add(vault: Vault, text: str) -> int:
    one = recipients.given(text)
    vault.write(vault.values, [other for other in vault.recipients if other.key != one.key] + [one])
    print(f"{one.who} can open {vault.file} from now on")
    return 0


def remove(vault: Vault, word: str) -> int:
    one = recipients.chosen(vault.recipients, word)
    vault.write(vault.values, [other for other in vault.recipients if other != one])
    print(f"{one.who} cannot open {vault.file} from now on")
    print(f"but knows, and finds in git's history, every value until today: {', '.join(vault.values)}")
    print(f"next: new values for them all (`{vault.command} GENERATE=…`, and the S3 keys), then make deploy")
    return 0


def edit(vault: Vault) -> int:
    """All values in the operator's editor; kept only when a deploy would take them."""
    where = str(vault.file)
    text = f"# {where}\n# Names and values, in quotes. An empty value is refused.\n"
    text += yaml.safe_dump({**dict.fromkeys(vault.names, ""), **vault.values}, sort_keys=False, width=1000)

    def judged(after: str) -> list[str]:
        try:
            return faults(parsed(after, where), vault.names)
        except Refused as refused:
            return list(refused.reasons)

    values = parsed(editing.edit(text, judged), where)
    if changed := [name for name, value in values.items() if vault.values.get(name) != value]:
        vault.write(values, vault.recipients)
        print(f"changed: {', '.join(changed)}\nnext: make deploy")
    elif values.keys() != vault.values.keys():
        vault.write(values, vault.recipients)
        print(f"removed: {', '.join(vault.values.keys() - values.keys())}")
    else:
        print("nothing was changed")
    return 0


VERBS = {"SET": given, "GENERATE": generate, "ADD": add, "REMOVE": remove}


def main() -> int:
    listed = os.environ.get("LIST", "") not in ("", "0")
    asked = [name for name in VERBS if os.environ.get(name)]
    if len(asked) + listed > 1:
        raise Refused(f"one at a time: {', '.join([*asked, *['LIST'] * listed])}")
    vault = Vault()
    if listed:
        return show(vault)
    return VERBS[asked[0]](vault, os.environ[asked[0]]) if asked else edit(vault)


if __name__ == "__main__":
    sys.exit(ended(main))
