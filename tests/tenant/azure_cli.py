"""A simulated Azure CLI: it sends the calls of the set-up script to the sandbox tenant over real HTTP.

It accepts the arguments of `az` and answers like `az`: the result of --query and --output on standard output, errors on
standard error, and 1 or 2 as its exit status. It refuses unknown arguments. The program is written for bash and only
passes its arguments to a thread of the test: a set-up script calls it fifty times, and Python starts slowly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import requests

GRAPH = "https://graph.microsoft.com"
IDENTITY = "/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
PROGRAM = r"""#!/usr/bin/env bash
exec 3<>/dev/tcp/127.0.0.1/{port}
printf '%s\0' "$#" "$@" >&3
IFS= read -rd '' code <&3
IFS= read -rd '' out <&3
IFS= read -rd '' words <&3
printf '%s' "$out"
printf '%s' "$words" >&2
exit "$code"
"""


class Mistake(Exception):
    """An error of the CLI, for standard error."""


class Handler(StreamRequestHandler):
    server: AzureCli

    def handle(self) -> None:
        arguments = [self.word() for _ in range(int(self.word()))]
        code, out, words = self.server.run(arguments)
        self.wfile.write(f"{code}\0{out}\0{words}\0".encode())

    def word(self) -> str:
        """The next text, which ends with a NUL."""
        read = iter(lambda: self.rfile.read(1), b"\0")
        return b"".join(read).decode()


class AzureCli(ThreadingTCPServer):
    """`with AzureCli(url) as cli:`, `cli.write(folder / "az")`, and `cli.sign_in(…)`."""

    daemon_threads = True

    def __init__(self, sandbox_url: str) -> None:
        self.sandbox_url, self.tokens, self.subscription = sandbox_url, {"graph": "", "azure": ""}, ""
        self.user: dict[str, str] = {}
        super().__init__(("127.0.0.1", 0), Handler)

    def __enter__(self) -> AzureCli:
        self.session = requests.Session()
        Thread(target=self.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self.session.close()

    def write(self, program: Path) -> None:
        program.write_text(PROGRAM.format(port=self.server_address[1]))
        program.chmod(0o755)

    def sign_in(self, tokens: dict[str, str], subscription: str, user: dict[str, str]) -> None:
        self.tokens, self.subscription, self.user = tokens, f"/subscriptions/{subscription}", user

    def run(self, arguments: list[str]) -> tuple[int, str, str]:
        try:
            if not self.tokens["graph"]:
                raise Mistake("Please run 'az login' to setup account.")
            words, options = parsed(arguments)
            known, command = COMMANDS[words]
            if unknown := set(options) - known - {"--query", "--output", "--only-show-errors"}:
                return 2, "", f"unrecognized arguments: {' '.join(unknown)}\n"
            answer = command(self, options)
            if "--query" in options and answer is not None:
                answer = Query(options["--query"]).of(answer)
            return 0, shown(answer, options.get("--output", "json")), ""
        except Mistake as mistake:
            return 1, "", f"ERROR: {mistake}\n"

    # --- What it asks -----------------------------------------------------------------------------------

    def rest(self, options: dict[str, str]) -> Any:
        address = options["--url"]
        if not address.startswith(f"{GRAPH}/v1.0/") or options["--resource"] != GRAPH:
            raise Mistake("Can't derive appropriate Azure AD resource from --url")
        parameters = [options["--url-parameters"].split("=", 1)] if "--url-parameters" in options else []
        headers = dict([options["--headers"].split("=", 1)]) if "--headers" in options else {}
        answer = self.http(
            options["--method"].upper(),
            address.removeprefix(GRAPH),
            self.tokens["graph"],
            params=parameters,
            data=options.get("--body", "").encode() or None,
            headers=headers,
        )
        if next_link := part(answer, "@odata.nextLink"):  # of one page; the CLI does not read the others
            answer["@odata.nextLink"] = next_link.replace(self.sandbox_url, GRAPH)
        return answer

    def account(self, _options: dict[str, str]) -> Any:
        return {**self.azure("GET", "/subscriptions")["value"][0], "user": self.user}

    def group_exists(self, options: dict[str, str]) -> Any:
        try:
            return bool(self.azure("GET", f"{self.subscription}/resourceGroups/{options['--name']}"))
        except Mistake as mistake:
            if "ResourceGroupNotFound" in str(mistake):
                return False
            raise

    def identities(self, options: dict[str, str]) -> Any:
        found = self.azure("GET", self.place(options))["value"]
        return [{"name": identity["name"], **identity["properties"]} for identity in found]

    def make_identity(self, options: dict[str, str]) -> Any:
        return self.azure("PUT", f"{self.place(options)}/{options['--name']}", data=b"{}")

    def place(self, options: dict[str, str]) -> str:
        return f"{self.subscription}/resourceGroups/{options['--resource-group']}{IDENTITY}"

    def azure(self, method: str, path: str, **more: Any) -> Any:
        return self.http(method, path, self.tokens["azure"], params={"api-version": "2023-01-31"}, **more)

    def http(self, method: str, path: str, token: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        try:
            answer = self.session.request(
                method, self.sandbox_url + path, headers=headers, timeout=120, **more
            )
        except requests.RequestException as problem:
            raise Mistake(f"Connection aborted: {problem}") from None
        if not answer.ok:
            raise Mistake(f"{answer.reason}({answer.text})")
        return answer.json() if answer.content else None


COMMANDS: dict[tuple[str, ...], tuple[set[str], Any]] = {
    ("rest",): (
        {"--method", "--url", "--url-parameters", "--resource", "--headers", "--body"},
        AzureCli.rest,
    ),
    ("account", "show"): (set(), AzureCli.account),
    ("group", "exists"): ({"--name"}, AzureCli.group_exists),
    ("identity", "list"): ({"--resource-group"}, AzureCli.identities),
    ("identity", "create"): ({"--resource-group", "--name"}, AzureCli.make_identity),
}


def parsed(arguments: list[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    words: list[str] = []
    while arguments and not arguments[0].startswith("-"):
        words.append(arguments.pop(0))
    options: dict[str, str] = {}
    while arguments:
        name = arguments.pop(0)
        if not name.startswith("--") or name in options:
            raise Mistake(f"unrecognized argument: {name}")
        options[name] = "" if name == "--only-show-errors" else arguments.pop(0)
        if options[name].startswith("@"):
            raise Mistake(f"{name} would be read from a file")
    return tuple(words), options


# --- What it shows ----------------------------------------------------------------------------------------


def shown(answer: Any, output: str) -> str:
    """Format as `--output tsv`: a list line by line, nothing for null. It prints Python's booleans: do not use those."""
    if output == "none" or answer is None:
        return ""
    if output == "json":
        return json.dumps(answer, indent=2) + "\n"
    assert output == "tsv", output
    items = answer if isinstance(answer, list) else [answer]
    assert not any(isinstance(item, dict) for item in items), f"tsv of an object: {items}"
    return "".join(f"{item}\n" for item in items)


TOKEN = re.compile(r"""\s*(?:(`[^`]*`)|('[^']*')|("[^"]*")|(\[\?|\[\]|\|\||==|[()\[\].,])|([A-Za-z_@]\w*))""")
Reader = Callable[[Any], Any]


class Query:
    """The part of JMESPath that the script uses; the rest is refused."""

    def __init__(self, text: str) -> None:
        self.left: list[str] = []
        position = 0
        while position < len(text.rstrip()):
            found = TOKEN.match(text, position)
            if found is None:
                raise Mistake(f"--query is not understood at: {text[position:]}")
            self.left.append(found[0].strip())
            position = found.end()
        self.reader = self._either()
        if self.left:
            raise Mistake(f"--query is not understood at: {' '.join(self.left)}")

    def of(self, answer: Any) -> Any:
        return self.reader(answer)

    def _either(self) -> Reader:
        first = self._equal()
        if not self._takes("||"):
            return first
        other = self._either()
        return lambda here: value if (value := first(here)) not in (None, False, "", [], {}) else other(here)

    def _equal(self) -> Reader:
        first = self._path()
        if not self._takes("=="):
            return first
        other = self._path()
        return lambda here: first(here) == other(here)

    def _path(self) -> Reader:
        """`a.b[].c`: what follows `[]` or `[?…]` is read from each item, and items without it are left out."""
        value = self._start()
        while self.left and self.left[0] in ("[]", "[?"):
            value = self._projection(value)
        return value

    def _start(self) -> Reader:
        if self.left[0] in ("[]", "[?"):
            return lambda here: here
        return self._names(self._name())

    def _names(self, value: Reader) -> Reader:
        while self._takes("."):
            value = _then(value, self._name())
        return value

    def _projection(self, items: Reader) -> Reader:
        if self._takes("[]"):
            chosen: Reader = _flattened
        else:
            self._takes("[?")
            condition = self._either()
            self._needs("]")
            chosen = _kept_by(condition)
        each = self._names(lambda here: here)

        def read(here: Any) -> Any:
            found = items(here)
            if not isinstance(found, list):
                return None
            return [value for item in chosen(found) if (value := each(item)) is not None]

        return read

    def _name(self) -> Reader:
        name = self.left.pop(0)
        if name[0] in "`'":
            value = json.loads(name[1:-1]) if name[0] == "`" else name[1:-1]
            return lambda here: value
        if name == "[":
            parts = self._list_until("]")
            return lambda here: None if here is None else [part(here) for part in parts]
        if name == "@":
            return lambda here: here
        if self._takes("("):
            arguments = self._list_until(")")
            return lambda here: function(name, [argument(here) for argument in arguments])
        return lambda here: here.get(name.strip('"')) if isinstance(here, dict) else None

    def _list_until(self, end: str) -> list[Reader]:
        parts = [self._either()]
        while self._takes(","):
            parts.append(self._either())
        self._needs(end)
        return parts

    def _takes(self, token: str) -> bool:
        return bool(self.left) and self.left[0] == token and bool(self.left.pop(0))

    def _needs(self, token: str) -> None:
        if not self._takes(token):
            raise Mistake(f"--query needs {token} at: {' '.join(self.left)}")


def _then(value: Reader, name: Reader) -> Reader:
    return lambda here: name(value(here))


def _flattened(items: list[Any]) -> list[Any]:
    return [each for item in items for each in (item if isinstance(item, list) else [item])]


def _kept_by(condition: Reader) -> Reader:
    return lambda items: [item for item in items if condition(item)]


def function(name: str, values: list[Any]) -> Any:
    """Functions check the types of their arguments, as JMESPath does."""
    first = values[0]
    if name == "to_string":
        return first if isinstance(first, str) else json.dumps(first, separators=(",", ":"))
    if name == "contains":
        return values[1] in (first or [])
    if name == "join" and all(isinstance(part, str) for part in values[1]):
        return first.join(values[1])
    if name in ("length", "sort") and isinstance(first, list):
        return len(first) if name == "length" else sorted(first)
    raise Mistake(f"In function {name}(), invalid type for value: {values}")


def part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
