"""Django's command line for this project."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        raise SystemExit(
            "Django is not installed for this python. Run `make demo` once, then use .venv-run/bin/python manage.py …"
        ) from None
    from django.core.exceptions import ImproperlyConfigured
    from django.db import OperationalError

    from portal.logs.uncaught import log_uncaught_errors

    if sys.argv[1:2] in (["serve"], ["worker"]):
        log_uncaught_errors()
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        raise SystemExit(f"The portal does not start: {problem}") from None
    except OperationalError as problem:
        from onboarding.operations.unreachable import database_error_text

        raise SystemExit(database_error_text(problem)) from None


if __name__ == "__main__":
    main()
