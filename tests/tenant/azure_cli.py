"""A simulated Azure CLI: it sends the calls of the set-up script to the sandbox tenant over real HTTP.

It accepts the arguments of `az` and answers like `az`: the result of --query and --output on standard output, errors on
standard error, and 1 or 2 as its exit status. It refuses unknown arguments. The program is written for bash and only
passes its arguments to a thread of the test: a set-up script calls it fifty times, and Python starts slowly.
"""

from __future__ import annotations

import json
import re
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

    def sign_in(self, tokens: dict[str, str], subscription: str) -> None:
        self.tokens, self.subscription = tokens, f"/subscriptions/{subscription}"

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
        return self.http(
            options["--method"].upper(),
            address.removeprefix(GRAPH),
            self.tokens["graph"],
            params=parameters,
            data=options.get("--body", "").encode() or None,
            headers=headers,
        )

    def account(self, _options: dict[str, str]) -> Any:
        return self.azure("GET", "/subscriptions")["value"][0]

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


TOKEN = re.compile(r"\s*(?:(`[^`]*`)|('[^']*')|(\[\?|\[\]|\|\||==|[()\].@,])|([A-Za-z_]\w*))")


class Query:
    """The part of JMESPath that the script uses; the rest is refused."""

    def __init__(self, text: str) -> None:
        self.left = []
        position = 0
        while position < len(text.rstrip()):
            found = TOKEN.match(text, position)
            if found is None:
                raise Mistake(f"--query is not understood at: {text[position:]}")
            self.left.append(found[0].strip())
            position = found.end()

    def of(self, answer: Any) -> Any:
        value = self._either(answer)
        if self.left:
            raise Mistake(f"--query is not understood at: {' '.join(self.left)}")
        return value

    def _either(self, here: Any) -> Any:
        value = self._equal(here)
        while self._takes("||"):
            other = self._equal(here)
            value = value if value not in (None, False, "", [], {}) else other
        return value

    def _equal(self, here: Any) -> Any:
        value = self._path(here)
        return value == self._path(here) if self._takes("==") else value

    def _path(self, here: Any) -> Any:
        first = self.left[0]
        if first[0] in "`'":
            self.left.pop(0)
            return json.loads(first[1:-1]) if first[0] == "`" else first[1:-1]
        value, many = here, False
        if first not in ("[?", "[]"):
            value = self._name(here)
        while self.left and self.left[0] in (".", "[?", "[]"):
            taken = self.left.pop(0)
            if taken == ".":
                name = self.left.pop(0)
                value = [part(item, name) for item in value or []] if many else part(value, name)
                value = [item for item in value if item is not None] if many and value is not None else value
            elif taken == "[]":
                value, many = (value if isinstance(value, list) else None), True
            else:
                value, many = self._kept(value), True
            if value is None and many:
                return self._skipped()
        return value

    def _skipped(self) -> None:
        while self.left and self.left[0] == ".":
            del self.left[:2]

    def _kept(self, items: Any) -> Any:
        """`[?condition]`, evaluated for each item."""
        depth, end = 1, 0
        while depth:
            depth += {"[?": 1, "]": -1}.get(self.left[end], 0)
            end += 1
        condition, self.left = self.left[: end - 1], self.left[end:]
        if not isinstance(items, list):
            return None
        return [item for item in items if self._holds(condition, item)]

    def _holds(self, condition: list[str], item: Any) -> bool:
        inner = Query("")
        inner.left = list(condition)
        return bool(inner.of(item))

    def _name(self, here: Any) -> Any:
        name = self.left.pop(0)
        if name == "@":
            return here
        if not self._takes("("):
            return part(here, name)
        value = self._either(here)
        second = self._either(here) if self._takes(",") else None
        assert self._takes(")"), self.left
        if name == "contains":
            return second in value
        if name == "to_string":
            return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        if not isinstance(value, list):
            raise Mistake(f"In function {name}(), invalid type for value: {value}")
        return {"length": len, "sort": sorted}[name](value)

    def _takes(self, token: str) -> bool:
        return bool(self.left) and self.left[0] == token and bool(self.left.pop(0))


def part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
