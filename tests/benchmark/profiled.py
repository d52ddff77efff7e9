"""`python -m tests.benchmark.profiled`: what HR's pages cost beside a bare view with session and user, and where.

It runs in one process, over SQLite with 2,000 starters in a folder of its own. With PORTAL_DATA_DIR it takes the database
that is there, or that of DATABASE_URL, which `tests.benchmark.many` can have filled. It measures processor time, so other
work on the machine changes it less than it changes the time until an answer. A page and the bare view take turns. The number
of function calls does not depend on the machine at all.
"""

from __future__ import annotations

import cProfile
import io
import os
import pstats
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from urllib.parse import urlencode, urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.conf import settings  # noqa: E402  (Django comes first)
from django.contrib.auth.middleware import AuthenticationMiddleware  # noqa: E402
from django.contrib.sessions.middleware import SessionMiddleware  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.test import Client, RequestFactory  # noqa: E402

from onboarding.models import Starter  # noqa: E402
from portal.management.commands.bench import beside_bar  # noqa: E402
from portal.models import User  # noqa: E402
from portal.supervisor import manage_command  # noqa: E402
from tests.benchmark.lists import LOOKS  # noqa: E402
from tests.benchmark.many import statements  # noqa: E402

ROUNDS = 15
STARTERS = 2000  # in a database of its own
PAGE_BAR = 6.0  # times the bare view
LARGEST = 10  # shares of a profile


def fill_own_database() -> None:
    """Prepare an empty folder, if it is one: tables, static files and starters."""
    for command in (("migrate", "-v0"), ("collectstatic", "--noinput", "-v0")):
        subprocess.run(manage_command(*command), check=True)
    if connection.vendor != "sqlite" or Starter.objects.exists():
        return
    sign_in()
    by = User.objects.get(oid="bench-hr").pk
    with closing(sqlite3.connect(settings.DATABASES["default"]["NAME"])) as file:
        for statement in (*statements(0, STARTERS, by, on_postgresql=False), "ANALYZE"):
            file.executescript(f"{statement};")


def sign_in() -> Client:
    person, _ = User.objects.get_or_create(oid="bench-hr", defaults={"name": "Bench", "roles": ["HR"]})
    client = Client(HTTP_HOST=urlsplit(settings.PORTAL_URL).netloc)
    client.force_login(person)
    session, now = client.session, int(time.time())
    session.update({"auth_time": now, "signed_in_at": now, "checked_at": now + 24 * 3600})
    session.save()
    return client


def bare_view(client: Client) -> Callable[[], HttpResponse]:
    """A view with Django's own session and user, and no other middleware."""

    def greet(request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"hello {request.user}\n")

    handler = SessionMiddleware(AuthenticationMiddleware(greet))
    factory = RequestFactory()
    factory.cookies.update(client.cookies)
    return lambda: handler(factory.get("/"))


def measure_both(page: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of processor time of each (median), the database's own with it where it is SQLite."""
    page(), bare()
    pairs = [(measure(page), measure(bare)) for _ in range(ROUNDS)]
    return statistics.median(taken for taken, _ in pairs), statistics.median(taken for _, taken in pairs)


def measure(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return (time.process_time() - began) * 1000


def count_calls(call: Callable[[], object]) -> int:
    """How many functions one more call runs, Python's own among them."""
    profile = cProfile.Profile()
    profile.enable()
    call()
    profile.disable()
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def show_largest(call: Callable[[], object]) -> str:
    profile, text = cProfile.Profile(), io.StringIO()
    profile.enable()
    for _ in range(ROUNDS):
        call()
    profile.disable()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(LARGEST)
    return text.getvalue()


def main() -> None:
    fill_own_database()
    client = sign_in()
    bare = bare_view(client)
    starter = Starter.objects.unfinished().first()
    pages = {f"HR's list: {what}": f"/hr/?{urlencode(query)}" for what, query in LOOKS.items()}
    pages |= {"HR's day": "/hr/day/", "HR's form": "/hr/new/", "to accept": "/hr/to-accept/"}
    pages |= {"HR's page of a starter": f"/hr/{starter.public_id}/"} if starter else {}
    sys.stdout.write(f"{connection.vendor}; beside a bare view with session and user: time, function calls\n")
    for what, path in pages.items():
        page: Callable[[], object] = partial(client.get, path)
        taken, least = measure_both(page, bare)
        calls, fewest = count_calls(page), count_calls(bare)
        sys.stdout.write(
            f"  {what:<56} {taken:7.1f} of {least:4.2f} ms {taken / least:6.1f}  {calls:7} of {fewest} {calls / fewest:6.1f} "
            f"{beside_bar(taken / least, PAGE_BAR)}\n"
        )
    sys.stdout.write(show_largest(lambda: client.get("/hr/")))


if __name__ == "__main__":
    if os.environ.get("PORTAL_DATA_DIR") or os.environ.get("DATABASE_URL"):
        main()
    else:
        with tempfile.TemporaryDirectory() as folder:
            own = {**os.environ, "PORTAL_DATA_DIR": folder, "DATABASE_URL": "", "LOG_LEVEL": "ERROR"}
            sys.exit(
                subprocess.run(
                    [sys.executable, "-m", "tests.benchmark.profiled"], env=own, check=False
                ).returncode
            )
