"""Accounts whose name or account name begins with some words: one round trip, and at most `MOST` accounts.

`$search` reads the words of display names and needs the header for advanced queries. `startsWith` reads account names.
The index behind `$search` can lack an account that is minutes old, so a caller looks up the chosen account again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from onboarding.graph import parsing
from onboarding.graph.client import Graph
from onboarding.graph.paths import build_path
from onboarding.graph.responses import Answer

MOST = 10  # accounts that a caller gets
MOST_WORDS, LONGEST = 5, 64  # words, and characters in all
FIELDS = "id,userPrincipalName,displayName,jobTitle,department"
# Letters with accents too. Everything else could end the quoted text of a query.
WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
START_OF_ACCOUNT = re.compile(r"[A-Za-z0-9'._-]{2,64}")


@dataclass(frozen=True, slots=True)
class NamedAccount:
    """What tells two people with one name apart. It says nothing about the kind of account."""

    object_id: str
    user_principal_name: str
    display_name: str
    job_title: str
    department: str


def find_by_name(client: Graph, name: str) -> tuple[list[NamedAccount], bool]:
    """Return at most MOST accounts, sorted by name, and whether there are more. Raises GraphError.

    A name without a letter or digit finds nothing, and no request is sent.
    """
    paths = search_paths(name)
    answers = client.transport.batch(paths) if paths else {}
    found: dict[str, NamedAccount] = {}
    for answer in answers.values():
        found |= {account.object_id: account for account in _parse_accounts(answer)}
    several = sorted(found.values(), key=lambda each: (each.display_name.casefold(), each.object_id))
    return several[:MOST], len(several) > MOST


def search_paths(name: str) -> dict[str, str]:
    """Return the paths of both searches: by the words of the name, and by the beginning of the account name."""
    shortened = name.strip()[:LONGEST]
    words = WORD.findall(shortened)[:MOST_WORDS]
    options = {"select": FIELDS, "top": str(MOST + 1)}
    paths = {}
    if words:
        search = " AND ".join(f'"displayName:{word}"' for word in words)
        paths["name"] = build_path("/users", search=search, count="true", **options)
    if START_OF_ACCOUNT.fullmatch(shortened):
        quoted = shortened.replace("'", "''")
        paths["account"] = build_path("/users", filter=f"startsWith(userPrincipalName,'{quoted}')", **options)
    return paths


def _parse_accounts(answer: Answer) -> list[NamedAccount]:
    parsing.refuse_unless_read(answer)
    return [
        NamedAccount(
            record.guid("id"),
            *(record.text(name) for name in ("userPrincipalName", "displayName", "jobTitle", "department")),
        )
        for record in answer.record().records("value")
    ]
