"""Records each undefined variable of a template: Django shows nothing for it, and treats it as false.

So nobody would notice a name that changed in a view but not in its templates. `tests/conftest.py` fails a test whose
pages or mails used an undefined variable.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.template import base, engines

TEMPLATES = Path(settings.BASE_DIR) / "templates"
# Variables that a template may use although they are undefined.
ANYWHERE = {
    "freeze", "keep_page", "messages", "names_nobody", "not_in_use", "poll_seconds", "user.is_authenticated",
    "request.resolver_match.view_name",
}  # fmt: skip
OPTIONAL = {
    "403_csrf.html": {"fields", "page_url", "sign_in_url"},
    "404.html": {"switch_url"},
    "admin/base_site.html": {"subtitle"},
    "admin/policy_add.html": {"adminform.form.opened_for"},
    "components/directory_facts.html": {"found.warnings"},
    "components/form_errors.html": {"calm"},
    "components/notice.html": {"lines", "role", "text", "title"},
    "components/question.html": {"danger"},
    "components/sheet_link.html": {"part"},
    "components/typed_form.html": {"method", "primary"},
    "emails/base.html": {"link", "start"},
    "emails/base.txt": {"link", "start"},
    "emails/refused.html": {"occasion"},
    "emails/refused.subject.txt": {"occasion"},
    "emails/refused.txt": {"occasion"},
    "hr/bulk_action.html": {"form.errors"},
    "hr/bulk_results.html": {"back_label"},
    "hr/day.html": {"elsewhere", "left_over"},
    "hr/several.html": {"row.details.department", "row.details.manager_name", "row.details.warnings"},
    "managers/confirm.html": {"fresh_until"},
    "managers/pass.html": {"request.csp_nonce"},  # in a test without middleware
    "managers/starter.html": {"addresses.items", "form", "form.errors", "replace", "sign_in_url", "wait"},
    "signin/again.html": {"back_url", "text", "title"},
    "signin/failed.html": {"text", "title", "url"},
    "signin/refused.html": {"back_url", "title", "url"},
}

missing: list[str] = []


class WatchedVariable(base.Variable):
    """A variable of one of the portal's templates."""

    def __init__(self, name: str, template: str) -> None:
        super().__init__(name)
        self.template = template

    def _resolve_lookup(self, context: Any) -> Any:
        try:
            return super()._resolve_lookup(context)
        except base.VariableDoesNotExist:
            name = str(self.var)
            if name not in ANYWHERE | OPTIONAL.get(self.template, set()):
                missing.append(f"{self.template}: {name}")
            raise


class NotGiven(str):
    """Replaces an undefined variable in `{% blocktranslate %}`, which does not use `WatchedVariable`."""

    __slots__ = ()

    def __contains__(self, part: object) -> bool:
        return part == "%s"

    def __mod__(self, name: object) -> str:
        missing.append(f"a text: {name}")
        return ""


def watch() -> None:
    """Watch every template that is compiled from now on."""
    compile_filter = base.Parser.compile_filter

    def watched(parser: base.Parser, token: str) -> base.FilterExpression:
        expression = compile_filter(parser, token)
        origin = Path(str(parser.origin.name)) if parser.origin else Path()
        if origin.is_relative_to(TEMPLATES) and isinstance(expression.var, base.Variable):
            expression.var = WatchedVariable(expression.var.var, str(origin.relative_to(TEMPLATES)))
        return expression

    base.Parser.compile_filter = watched  # type: ignore[method-assign]


def watch_texts() -> None:
    """Watch `{% blocktranslate %}` in the current engine: Django creates a new one after a test that changed settings."""
    engines["django"].engine.string_if_invalid = NotGiven()  # type: ignore[attr-defined]


def take_missing() -> list[str]:
    """Return the undefined variables since the last call, and forget them."""
    taken = sorted(set(missing))
    missing.clear()
    return taken
