"""`manage.py migrate`, as Django has it, one at a time: two servers that start together do not both migrate."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from portal.locks import lock_database


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with lock_database(connections[options["database"]]):
            super().handle(*args, **options)
