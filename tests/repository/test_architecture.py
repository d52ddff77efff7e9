"""The imports that each part of `onboarding` may have: one table, checked against the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest
from django.conf import settings

TOP = Path(settings.BASE_DIR)

# What each part of `onboarding` may import from the others. Nothing here imports `portal`.
ALLOWED: dict[str, set[str]] = {
    "lifecycle": set(),
    "inputs": set(),  # the site imports these too
    "counters": set(),
    "graph": {"counters", "inputs"},
    "clock": set(),
    "i18n": set(),
    "errors": {"i18n"},
    "exports": set(),
    "sealing": set(),
    "templatetags": set(),
    "locks": set(),
    "models": {"lifecycle"},
    "jobs": {"clock", "models"},
    "restored": {"audit", "clock", "models"},
    "confirmer": {"graph", "models"},
    "audit": {"clock", "locks", "models", "sealing"},
    "permissions": {"clock", "confirmer", "graph", "lifecycle", "models", "participants", "policy"},
    "participants": {"graph", "models", "policy"},
    "policy": {"audit", "clock", "inputs", "models"},
    "transitions": {"audit", "errors", "lifecycle", "models"},
    "guards": {
        "audit", "clock", "confirmer", "errors", "graph", "i18n", "lifecycle", "models", "participants",
        "permissions", "policy",
    },
    "mail": {
        "audit", "clock", "counters", "errors", "graph", "guards", "i18n", "inputs", "jobs", "lifecycle", "models",
        "policy",
    },
    "obstacles": {
        "audit", "clock", "confirmer", "graph", "guards", "jobs", "lifecycle", "mail", "models", "policy",
    },
    "passes": {
        "audit", "clock", "counters", "errors", "graph", "guards", "jobs", "lifecycle", "locks", "mail", "models", "obstacles",
        "participants", "policy", "transitions", "restored",
    },
    "sessions": {
        "audit", "clock", "errors", "graph", "lifecycle", "mail", "models", "participants", "passes", "policy",
    },
    "starters": {
        "audit", "clock", "confirmer", "errors", "graph", "guards", "jobs", "lifecycle", "mail", "models",
        "obstacles", "participants", "passes", "policy", "sessions", "transitions",
    },
    "tickets": {
        "audit", "clock", "errors", "guards", "jobs", "lifecycle", "mail", "models", "obstacles", "participants",
        "policy", "starters", "transitions",
    },
    "directory_log": {"audit", "clock", "graph", "jobs", "lifecycle", "mail", "models", "passes"},
    "imports": {
        "audit", "clock", "errors", "guards", "i18n", "inputs", "jobs", "models", "permissions", "policy",
        "sessions", "starters",
    },
    "proposals": {
        "audit", "clock", "graph", "guards", "jobs", "models", "policy", "starters", "tickets", "transitions",
    },
    "stops": {
        "audit", "clock", "errors", "graph", "guards", "i18n", "jobs", "lifecycle", "mail", "models", "obstacles",
        "passes", "policy", "sessions", "starters", "transitions",
    },
    "history": {"guards", "i18n", "models"},
    "hooks": {"audit", "clock", "counters", "i18n", "jobs", "models", "policy", "sealing", "tickets"},
    "privacy": {"audit", "clock", "errors", "graph", "i18n", "lifecycle", "mail", "models", "policy", "sessions"},
    "worker": {
        "audit", "clock", "directory_log", "errors", "graph", "guards", "hooks", "jobs", "lifecycle", "mail",
        "models", "obstacles", "passes", "policy", "privacy", "restored", "starters", "stops", "transitions",
    },
    "guidance": {"i18n", "stops"},
    "operations": {"audit", "clock", "jobs", "models", "starters", "restored"},
    "metrics": {
        "clock", "counters", "graph", "jobs", "lifecycle", "models", "operations", "passes", "policy",
    },
    "doctor": {
        "audit", "clock", "graph", "guards", "hooks", "i18n", "inputs", "jobs", "mail", "models", "passes", "policy",
        "restored", "sealing", "starters",
    },
    "tenant_proof": {
        "audit", "clock", "graph", "guards", "jobs", "lifecycle", "locks", "models", "passes", "policy", "restored",
    },
    # Entrances: they turn HTTP into calls. None imports `graph` or another entrance.
    "auditors": {"audit", "clock", "exports", "history", "inputs", "models", "permissions", "policy"},
    "hr": {
        "audit", "clock", "errors", "exports", "guards", "history", "i18n", "imports", "inputs", "lifecycle", "mail",
        "models", "obstacles", "passes", "permissions", "policy", "starters", "stops", "templatetags", "tickets",
    },
    "api": {
        "clock", "errors", "guards", "hooks", "i18n", "inputs", "lifecycle", "models", "policy", "starters",
        "tickets",
    },
    "managers": {
        "clock", "errors", "guards", "guidance", "lifecycle", "models", "obstacles", "passes", "permissions",
        "policy", "stops",
    },
    "admin": {
        "audit", "clock", "directory_log", "hooks", "inputs", "jobs", "mail", "models", "policy", "privacy",
        "sessions",
    },
    # Django finds these by name.
    "apps": {"audit", "hooks", "mail", "operations"},
    "context_processors": {"directory_log", "policy", "restored"},
    "management": {
        "audit", "auditors", "clock", "directory_log", "doctor", "graph", "hooks", "imports", "inputs", "jobs",
        "lifecycle", "mail", "metrics", "models", "operations", "passes", "policy", "privacy", "proposals", "stops",
        "restored", "tenant_proof", "worker",
    },
    "migrations": {"audit", "models"},
    "urls": {"admin", "api", "auditors", "doctor", "guidance", "hr", "managers", "operations"},
}  # fmt: skip

ENTRANCES = {"admin", "api", "auditors", "hr", "managers"}


def modules(package: str) -> list[Path]:
    path = TOP / package
    found = [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))
    assert found, package
    return found


def imports(path: Path) -> Iterator[str]:
    """The full name of each import of a module, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reaches(package: str, *forbidden: str) -> list[str]:
    """The imports in `package` of forbidden modules."""
    return [
        f"{path.relative_to(TOP)}: {name}"
        for path in modules(package)
        for name in imports(path)
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in forbidden)
    ]


def imported_parts(part: str) -> set[str]:
    """The other parts of `onboarding` that `part` imports."""
    package = f"onboarding/{part}" if (TOP / "onboarding" / part).is_dir() else f"onboarding/{part}.py"
    names = (name.split(".") for path in modules(package) for name in imports(path))
    return {name[1] for name in names if name[0] == "onboarding" and len(name) > 1} - {part}


def test_the_work_never_imports_the_site():
    assert reaches("onboarding", "portal") == []


def test_the_site_imports_only_text_rules_from_the_work():
    shared = ": onboarding.inputs."

    assert [found for found in reaches("portal", "onboarding") if shared not in found] == []


def test_the_table_names_every_part():
    found = {
        path.stem
        for path in (TOP / "onboarding").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert found - {"__init__"} == set(ALLOWED)


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_imports_only_what_the_table_allows(part):
    assert imported_parts(part) - ALLOWED[part] == set()


def test_the_table_has_no_circles():
    assert tuple(TopologicalSorter(ALLOWED).static_order())


# A box of the picture that stands for several parts.
BOXES = {
    "entrances": {"auditors", "hr", "managers", "admin", "doctor"},
    "core": {"transitions", "audit", "jobs"},
    "graph_": {"graph"},
}


def drawn_arrows() -> dict[str, set[str]]:
    """The arrows of the picture in docs/explanation/architecture.md: from each box to the boxes that it points at."""
    picture = (TOP / "docs/explanation/architecture.md").read_text().split("```")[1]
    arrows: dict[str, set[str]] = {}
    for line in re.findall(r"^ *(\w[\w &]*(?: --> [\w &]+)+)$", picture, re.M):
        chain = [{box.strip() for box in end.split("&")} for end in line.split("-->")]
        for here, there in pairwise(chain):
            for box in here:
                arrows.setdefault(box, set()).update(there)
    return arrows


def reachable(box: str, arrows: dict[str, set[str]]) -> set[str]:
    found = {box}
    while new := {there for here in found for there in arrows.get(here, set())} - found:
        found |= new
    return found


def test_the_picture_matches_the_allowed_imports():
    arrows = drawn_arrows()
    boxes = {*arrows, *(there for ends in arrows.values() for there in ends)}
    box_of = {part: box for box in boxes for part in BOXES.get(box, {box})}

    assert len(boxes) > 8 and set(box_of) <= set(ALLOWED)
    for part, box in box_of.items():
        drawn = {box_of[other] for other in ALLOWED[part] if other in box_of}
        assert drawn <= reachable(box, arrows), part
    for box, ends in arrows.items():
        allowed = {box_of.get(other) for part in BOXES.get(box, {box}) for other in ALLOWED[part]}
        assert ends <= allowed, box


def test_entrances_import_neither_graph_nor_each_other():
    for entrance in ENTRANCES:
        assert ALLOWED[entrance].isdisjoint(ENTRANCES | {"graph"})
        assert reaches(f"onboarding/{entrance}", "msal", "requests") == []


def test_only_the_graph_layer_and_webhooks_speak_http():
    speakers = {
        name.split(":")[0]
        for name in reaches("onboarding", "requests", "urllib3", "http.client", "urllib.request", "msal")
    }

    assert {name for name in speakers if not name.startswith("onboarding/graph/")} == {
        "onboarding/hooks/sending.py"
    }


def test_only_transitions_updates_a_state_column():
    for path in modules("onboarding"):
        if path.name in {"transitions.py", "starter.py", "pass_issue.py"} or "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "update"
            ):
                assert "state" not in {word.arg for word in node.keywords}, f"{path}:{node.lineno}"


def test_every_module_says_what_it_is_for():
    for package in ("onboarding", "portal", "tests"):
        for path in modules(package):
            text = path.read_text()
            assert not text.strip() or ast.get_docstring(ast.parse(text)), path


def test_no_page_holds_inline_script_or_style():
    for path in (TOP / "templates").rglob("*.html"):
        text = path.read_text()
        if "emails" in path.parts:
            continue
        assert "style=" not in text.replace("data-style=", ""), path
        assert " onclick=" not in text, path
        assert "<style" not in text, path
        assert "javascript:" not in text, path
        assert text.count("<script") + text.count("<img") == text.count("src="), path


def test_audited_changes_lock_the_audit_head_first():
    """Two transactions that lock the same two rows in opposite order deadlock."""
    elsewhere = {
        "onboarding/audit/trail.py",
        "onboarding/auditors/search.py",  # these two only read, in chunks
        "onboarding/privacy/search.py",
        "onboarding/jobs.py",
        "onboarding/metrics/storing.py",
        "onboarding/models/starter.py",  # a name and the identifiers that belong to it
        "onboarding/passes/graph_quota.py",
        "onboarding/passes/sign_in_quota.py",
        "onboarding/passes/sign_ins.py",  # a starter's row, and last that of the quota, after which nothing is locked
    }  # no event is written there
    own = [
        str(path.relative_to(TOP))
        for path in modules("onboarding")
        if "migrations" not in path.parts
        and any(name.startswith("django.db.transaction") for name in imports(path))
    ]

    assert set(own) == elsewhere


# These modules use the site's policy: they decide for the whole portal, not for one starter.
ASKS_FOR_THE_SITES_POLICY = {
    "onboarding/api/authentication.py",  # which applications may call
    "onboarding/admin/policy.py",  # a new version starts from it
    "onboarding/admin/policy_forms.py",
    "onboarding/doctor/context.py",
    "onboarding/guards/look_up_limit.py",  # before a starter exists
    "onboarding/hooks/delivery.py",  # where webhooks can go
    "onboarding/hooks/following.py",
    "onboarding/hooks/subscriptions.py",
    "onboarding/imports/uploads.py",  # how many rows a day
    "onboarding/mail/notifications.py",  # security's address
    "onboarding/metrics/samples.py",  # a freeze, as a number
    "onboarding/passes/graph_quota.py",  # the size of the quota
    "onboarding/passes/recording.py",  # a freeze, at the last moment
    "onboarding/policy/agreements.py",  # which proposals two people accept by a rule
    "onboarding/policy/current.py",
    "onboarding/privacy/needed.py",  # how long details are kept
    "onboarding/privacy/people.py",
    "onboarding/proposals/reading.py",  # which weeks are read
    "onboarding/sessions/freshness.py",  # how recently an admin must have signed in
    "onboarding/tickets/put.py",  # which sources are trusted
    "onboarding/worker/audit_outlets.py",  # where the signed head can go
    "onboarding/worker/retention.py",  # how long details are kept
}
# These modules write, compare and show versions. All others use the policy of the site or of one starter.
KNOWS_VERSIONS = (
    "onboarding/admin/",
    "onboarding/audit/",
    "onboarding/doctor/",
    "onboarding/mail/policy_mails.py",
    "onboarding/models/",
    "onboarding/policy/",
    "onboarding/privacy/",
    "onboarding/sessions/second_person.py",
)


def test_nothing_about_one_starter_asks_for_the_sites_policy():
    asking = {
        str(path.relative_to(TOP))
        for path in modules("onboarding")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"policy.for_site", "for_site"}
    }

    assert asking == ASKS_FOR_THE_SITES_POLICY


def test_policies_are_passed_as_site_or_effective_policy():
    """With these types mypy refuses the wrong one; with `PolicyVersion` it would take either."""
    vague = [
        f"{path.relative_to(TOP)}: {name}"
        for path in modules("onboarding")
        for name in imports(path)
        if name.endswith(".PolicyVersion") and not str(path.relative_to(TOP)).startswith(KNOWS_VERSIONS)
    ]

    assert vague == []
