"""Accounts by their hire date (`employeeHireDate`), one page at a time.

Graph accepts only `ge` and `le` for this field, and only as an advanced query: with `$count` and the header for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from onboarding.graph import parsing
from onboarding.graph.client import Graph
from onboarding.graph.entities import Account
from onboarding.graph.errors import Incomplete
from onboarding.graph.listing.audit_log import as_odata
from onboarding.graph.listing.pages import read_next_token
from onboarding.graph.paths import ACCOUNT, build_path

ROWS_AT_ONCE = "10"  # as many as one round trip looks up again, with their managers


@dataclass(frozen=True, slots=True)
class HiresPage:
    """The accounts on one page, and the token of the next page; empty on the last."""

    accounts: tuple[Account, ...]
    next_token: str


def read_page(client: Graph, *, since: datetime, until: datetime, token: str = "") -> HiresPage:
    """Read one page of the accounts with a hire date in this time. Accounts that cannot be read are left out.

    Raises Refused if the token is too old, and GraphError.
    """
    query = f"employeeHireDate ge {as_odata(since)} and employeeHireDate le {as_odata(until)}"
    options = {"filter": query, "count": "true", "select": ACCOUNT, "top": ROWS_AT_ONCE}
    if token:
        options["skiptoken"] = token
    answer = client.transport.get(build_path("/users", **options))
    parsing.refuse_unless_read(answer)
    record, accounts = answer.record(), []
    for row in record.records("value"):
        try:
            accounts.append(parsing.parse_account(row))
        except Incomplete:
            continue
    return HiresPage(tuple(accounts), read_next_token(record))
