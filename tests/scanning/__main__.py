"""`make scan`: run Wapiti and sqlmap against the running demo, as a stranger, as people of each role, and over the API.

python -m tests.scanning
ONLY="wapiti:HR sqlmap:API" python -m tests.scanning    # some of the runs; SCAN_DETAILS=1 prints what each one met

Each run has a limit in seconds. What is counted are the portal's own log lines, not what the scanners say they did. Ends
with status 1 if a scanner reports something that is not in KNOWN, or if the portal answered anything with 500.
It is not a test: it takes about ten minutes, and its findings depend on the versions of the scanners.
"""
# ruff: noqa: T201

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django

django.setup()

from portal.demo.process import RunningDemo, raise_daily_limits, running_demo  # noqa: E402  (Django comes first)
from portal.demo.visitor import Visitor  # noqa: E402
from portal.sandbox.api_registration import SERVICE_NOW  # noqa: E402
from tests.api.system import System, request_token  # noqa: E402

WAPITI, SQLMAP = shutil.which("wapiti"), shutil.which("sqlmap")
ATTACKS = "cookieflags,crlf,csp,csrf,exec,file,http_headers,methods,redirect,sql,xss,permanentxss,blindsql"
# Signing out ends the scan, and the sandbox's own pages are no part of the portal.
LEFT_OUT = ("/signout/", "/signin/", "/static/", "/language/", "/components/")
# What Wapiti reports although it is no fault, and why.
KNOWN = {
    r"Secure flag is not set in the cookie .*": "the demo speaks http; over https each cookie is Secure",
    r"Strict-Transport-Security is not set at /": "as above",
    r"X-XSS-Protection is not set at /": "browsers have dropped this header. The policy for scripts does its work",
    r"X-Frame-Options is not set at /": "Wapiti followed the redirect of a visitor who is not signed in, to the sandbox's page",
    r"CSRF token .* is not properly checked in backend at /hr/import/": "the portal's log has 403 for the changed token",
    r"Lack of anti CSRF token at /sheet/stop/": "the form needs a stop code and no session, so no browser adds a right to it",
}


# What sqlmap prints of a parameter that it could break.
BROKEN = re.compile(r"[^\n]*(?:is vulnerable|appears to be [^\n]* injectable|injection point\(s\))[^\n]*")
# Wapiti does not know what Django calls the token of a form. And Debian's Wapiti 3.0.4 ends with an error where addresses
# are left out: its pattern is one that Python 3.11 refuses.
WAPITI_STARTS = """
import re, sys
from wapitiCore.main.wapiti import wapiti_main
from wapitiCore.attack.mod_csrf import mod_csrf
from wapitiCore.net import crawler
mod_csrf.TOKEN_FORM_STRINGS.append("csrfmiddlewaretoken")
if hasattr(crawler, "wildcard_translate"):
    crawler.wildcard_translate = lambda words: re.compile(".*".join(map(re.escape, words.split("*"))) + r"\\Z", re.S)
sys.exit(wapiti_main())
"""


@dataclass(frozen=True)
class Run:
    """One run of a scanner: who it was, what the portal answered, on how many of its routes, and what was reported."""

    scanner: str
    who: str
    statuses: Counter[str]
    routes: int
    findings: list[str]

    @property
    def sent(self) -> int:
        return sum(self.statuses.values())

    def describe(self) -> str:
        statuses = " ".join(f"{status}:{count}" for status, count in sorted(self.statuses.items()))
        found = "; ".join(self.findings) or "none"
        return f"| {self.scanner} | {self.who} | {self.routes} | {self.sent} ({statuses}) | {found} |"


class Log:
    """The portal's log, of which each request is a line."""

    def __init__(self, path: Path) -> None:
        self.path, self.position = path, 0

    def count(self) -> tuple[Counter[str], int]:
        """The statuses of the requests since the last count, and how many routes of the portal they reached."""
        with self.path.open(encoding="utf-8", errors="replace") as lines:
            lines.seek(self.position)
            new = [json.loads(line) for line in iter(lines.readline, "") if '"http-request"' in line]
            self.position = lines.tell()
        statuses = Counter(str(line["http.response.status_code"]) for line in new)
        if os.environ.get("SCAN_DETAILS"):
            each = Counter(
                f"{line['http.request.method']} {line.get('portal.route', '-')} {line['http.response.status_code']}"
                for line in new
            )
            print(*(f"  {count} {what}" for what, count in each.most_common()), sep="\n")
        return statuses, len({line.get("portal.route", "") for line in new} - {""})

    def errors(self) -> list[str]:
        """Lines of level error or worse, from the whole log."""
        lines = self.path.read_text(errors="replace").splitlines()
        return [line for line in lines if re.search(r'"log\.level": ?"(error|critical)"', line)]


@dataclass(frozen=True)
class Visit:
    """With what a scanner comes: a session or a token, or neither."""

    who: str
    cookies: Mapping[str, str] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


def wapiti_command() -> list[str]:
    """Wapiti's own Python, and its start: see WAPITI_STARTS."""
    python = Path(str(WAPITI)).read_text().splitlines()[0].removeprefix("#!").strip()
    return [*python.split(), "-c", WAPITI_STARTS]


def run_wapiti(address: str, visit: Visit, seconds: int, starts: tuple[str, ...]) -> list[str]:
    """Crawl and attack for so long; return what it reports: each kind, and how often."""
    with tempfile.TemporaryDirectory() as folder:
        jar, report = Path(folder) / "cookies.json", Path(folder) / "report.json"
        plain = {"expires": None, "secure": False, "port": None, "version": 0}
        cookies = {name: {"value": value, **plain} for name, value in visit.cookies.items()}
        jar.write_text(
            json.dumps({".localhost.local": {"/": cookies}})
        )  # the name that Python's jars give a bare host
        options = {
            "-u": f"{address}/", "--scope": "folder", "-m": ATTACKS, "-d": "3", "-t": "10", "-v": "0",
            "--max-links-per-page": "40", "--max-files-per-dir": "12", "--max-parameters": "30",
            "--max-scan-time": str(seconds // 3), "--max-attack-time": str(max(seconds // 26, 3)),
            "-c": str(jar), "-f": "json", "-o": str(report), "--store-session": folder,
        }  # fmt: skip
        words = [*wapiti_command(), "--no-bugreport", "--flush-session"]
        words += [word for option in options.items() for word in option]
        words += [word for path in LEFT_OUT for word in ("-x", f"{address}{path}*")]
        words += [word for path in starts for word in ("-s", address + path)]
        words += [word for header in visit.headers for word in ("-H", header)]
        said = run_bounded(words, seconds + 90)
        if not report.exists():
            return [f"no report: {said[-200:]}"]
        found = json.loads(report.read_text())
    if os.environ.get("SCAN_DETAILS"):
        print(
            json.dumps(
                {k: v for k, v in (found["vulnerabilities"] | found["anomalies"]).items() if v}, indent=1
            )
        )
    rows = [row for kind in (found["vulnerabilities"] | found["anomalies"]).values() for row in kind]
    told = Counter(f"{row['info'].partition(' : ')[0]} at {row['path']}" for row in rows)
    return [f"{text} ({times})" for text, times in told.items()]


@dataclass(frozen=True)
class Target:
    """One address for sqlmap. `parameters` names what to try; a `*` in the path or the data is tried too."""

    who: str
    path: str
    parameters: str = ""
    data: str = ""
    method: str = ""


def run_sqlmap(address: str, visit: Visit, seconds: int, target: Target) -> list[str]:
    """Try the parameters of one address for so long; return what it reports as injectable."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(SQLMAP), "-u", address + target.path, "--batch", "--disable-coloring", "--threads", "1"]
        words += ["--level", "2", "--risk", "1", "--time-sec", "2", "--timeout", "10", "--retries", "0"]
        words += ["--output-dir", folder, "--flush-session", "--drop-set-cookie"]
        words += ["--ignore-code", "*"]
        cookies = "; ".join(f"{name}={value}" for name, value in visit.cookies.items())
        given = {"--cookie": cookies, "--headers": "\n".join(visit.headers), "--data": target.data}
        given |= {"-p": target.parameters, "--method": target.method}
        words += [word for option, value in given.items() if value for word in (option, value)]
        said = run_bounded(words, seconds)
    if os.environ.get("SCAN_DETAILS"):
        print(said[-1500:])
    return sorted(set(BROKEN.findall(said)))


def run_bounded(words: list[str], seconds: int) -> str:
    """Run a scanner for at most so long, and return what it printed."""
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    )
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.terminate()
        return process.communicate()[0] or ""


def sign_in(demo: RunningDemo, key: str) -> Visit:
    visitor = Visitor(demo.portal_url)
    visitor.sign_in(key, "/")
    session = {cookie.name: cookie.value or "" for cookie in visitor.http.cookies if cookie.name == "sid"}
    assert session, f"{key} is not signed in"
    return Visit(key, cookies=session, headers=(new_address(),))


def add_starter(demo: RunningDemo) -> str:
    """Add a starter of Maria's who starts now. Returns the id in the address of the starter's pages."""
    hr, now = Visitor(demo.portal_url), datetime.now(ZoneInfo("Europe/Amsterdam"))
    hr.sign_in("hanna", "/hr/new/")
    typed = {
        "account": "noor.devries@contoso.example",
        "start_date": f"{now:%Y-%m-%d}",
        "start_time": f"{now:%H:%M}",
    }
    hr.get("/hr/new/")
    hr.send(hr.form_with("account", "start_date"), **typed, time_zone="Europe/Amsterdam", step="look")
    hr.send(hr.form_with("account", "start_date"), step="save")
    return urlsplit(hr.page.url).path.split("/")[2]


def form_token(demo: RunningDemo, visit: Visit, path: str) -> str:
    """The token of the forms on a page: without it, a form is refused before its values are read."""
    visitor = Visitor(demo.portal_url)
    visitor.http.cookies.update(visit.cookies)
    visitor.get(path)
    return visitor.form_with("csrfmiddlewaretoken").fields["csrfmiddlewaretoken"]


_hosts = count(1)


def make_visits(demo: RunningDemo) -> dict[str, Visit]:
    """Fresh sessions and a fresh token, each from another network address, because each address has a limit."""
    token = request_token(demo.sandbox_url)
    people = {"HR": "hanna", "manager": "maria", "admin": "ada", "auditor": "audrey"}
    return {
        "stranger": Visit("stranger", headers=(new_address(),)),
        "API": Visit("API", headers=(new_address(), f"Authorization: Bearer {token}")),
        **{who: sign_in(demo, key) for who, key in people.items()},
    }


def new_address() -> str:
    return f"X-Forwarded-For: 10.0.{next(_hosts)}.1"


def crawls(starter: str) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    """Who scans with Wapiti, for how many seconds, and where they begin."""
    return (
        ("stranger", 60, ("/", "/sheet/", "/sheet/stop/", "/signin/?next=/", "/api/", "/readyz")),
        ("manager", 70, ("/starters/", f"/starters/{starter}/", "/sessions/")),
        (
            "HR",
            120,
            ("/hr/?q=noor&sort=name&state=all", "/hr/new/", f"/hr/{starter}/", "/hr/several/", "/hr/import/"),
        ),
        (
            "admin",
            100,
            ("/admin/", "/admin/onboarding/auditevent/?q=noor", "/admin/doctor/", "/admin/one-person/"),
        ),
        ("auditor", 60, ("/audit/", "/audit/passes/", "/admin/")),
        ("API", 30, ("/api/v1/starters?state=recorded&since=2026-01-01T00:00:00Z&cursor=1", "/api/v1/hooks")),
    )


def targets(starter: str, tokens: Mapping[str, str]) -> tuple[Target, ...]:
    ticket = '{"account": "liam.murphy@contoso.example*", "startDate": "2027-01-04*", "timeZone": "Europe/Amsterdam*"}'
    audit = f"csrfmiddlewaretoken={tokens['auditor']}&person=noor&starter=noor&event=starter.recorded&since=&until="
    added = (
        f"csrfmiddlewaretoken={tokens['HR']}&step=look&account=noor&start_date=2027-01-04&start_time=09:00"
    )
    return (
        Target("stranger", "/signin/callback/?state=abc&code=abc", "state,code"),
        Target("stranger", "/sheet/?with=phone", "with"),
        Target("HR", "/hr/?q=noor&state=all&sort=name&department=x&manager=x&since=2026-01-01", ""),
        Target("HR", "/hr/new/", "account,start_date,step", data=added),
        Target("manager", f"/starters/{starter}*/"),
        Target("manager", "/sessions/", "session", data=f"csrfmiddlewaretoken={tokens['manager']}&session=abc"),
        Target("admin", "/admin/onboarding/auditevent/?q=noor&o=1&event=starter.recorded", ""),
        Target("admin", "/admin/portal/user/?q=noor&o=1", ""),
        Target("auditor", "/audit/", "person,starter,event,since,until", data=audit),
        Target("API", "/api/v1/starters?state=recorded&since=2026-01-01T00:00:00Z&cursor=1", ""),
        Target("API", "/api/v1/starters/servicenow/RITM1", data=ticket, method="PUT"),
    )  # fmt: skip


SQLMAP_SECONDS = 25


def scan(demo: RunningDemo, log: Log) -> list[Run]:
    """Both scanners, one run after another: the load of one must not be the other's error."""
    raise_daily_limits(demo.environment, api_applications=f"{SERVICE_NOW.client_id} servicenow")
    starter = add_starter(demo)
    System(demo.portal_url, request_token(demo.sandbox_url)).put("RITM1", "liam.murphy@contoso.example")
    runs = []
    only = os.environ.get("ONLY", "").split()
    for who, seconds, starts in crawls(starter):
        if only and f"wapiti:{who}" not in only:
            continue
        visit = make_visits(demo)[who]  # a new session: an earlier run may have ended it
        log.count()
        found = run_wapiti(demo.portal_url, visit, seconds, starts)
        runs.append(Run("Wapiti", who, *log.count(), found))
        print(runs[-1].describe(), flush=True)
    pages = {"HR": "/hr/new/", "manager": "/sessions/", "auditor": "/audit/"}
    for number in range(len(targets(starter, dict.fromkeys(pages, "")))):
        visits = make_visits(demo)
        tokens = {who: form_token(demo, visits[who], page) for who, page in pages.items()}
        target = targets(starter, tokens)[number]
        if only and f"sqlmap:{target.who}" not in only:
            continue
        log.count()
        found = run_sqlmap(demo.portal_url, visits[target.who], SQLMAP_SECONDS, target)
        who = f"{target.who}: {target.method or ('POST' if target.data else 'GET')} {target.path.partition('?')[0]}"
        runs.append(Run("sqlmap", who, *log.count(), found))
        print(runs[-1].describe(), flush=True)
    return runs


def is_known(finding: str) -> bool:
    return any(re.fullmatch(rf"{known} \(\d+\)", finding) for known in KNOWN)


def missing_tools() -> list[str]:
    return [name for name, path in (("wapiti", WAPITI), ("sqlmap", SQLMAP)) if path is None]


def main() -> int:
    if missing := missing_tools():
        print(f"not installed: {', '.join(missing)} (on Debian: apt install wapiti sqlmap)", file=sys.stderr)
        return 1
    for name, program in (("Wapiti", WAPITI), ("sqlmap", SQLMAP)):
        said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False).stdout
        print(name, *re.findall(r"\d+\.\d+[\w.#]*", said)[:1])
    print("| scanner | as | pages | requests (statuses) | reported |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        with path.open("wb") as complaints, running_demo(
            "--throttle", "off", complaints=complaints.fileno(), LOG_LEVEL="INFO", TRUSTED_PROXIES="1",
            GRAPH_BUDGET_CALLS="1000", GRAPH_SIGN_IN_CALLS="1000",
        ) as demo:  # fmt: skip
            log = Log(path)
            runs = scan(demo, log)
        errors = log.errors()
    failures = sum(count for run in runs for status, count in run.statuses.items() if status.startswith("5"))
    unknown = [f"{run.who}: {found}" for run in runs for found in run.findings if not is_known(found)]
    print(
        f"{sum(run.sent for run in runs)} requests, {failures} answered with 5xx, {len(errors)} errors in the log"
    )
    print(*errors[:20], *unknown, sep="\n")
    return 1 if unknown or failures or errors else 0


if __name__ == "__main__":
    sys.exit(main())
