"""The examples on the page about the API. A test runs each one as it is printed.

PORTAL is the address of the portal and TOKEN an access token, both as environment variables.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    title: str
    shell: str
    python: str


ADD = Example(
    "Add the starter of a ticket, or change it",
    """\
curl --fail-with-body -X PUT "$PORTAL/api/v1/starters/servicenow/RITM0012345" \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{"account": "noor.devries@contoso.example", "startDate": "'"$(date -d '+7 days' +%F)"'",
       "startTime": "09:00", "timeZone": "Europe/Amsterdam", "note": "Desk 3.14"}'
""",
    """\
import os
from datetime import date, timedelta

import requests

answer = requests.put(
    f"{os.environ['PORTAL']}/api/v1/starters/servicenow/RITM0012345",
    headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
    json={
        "account": "noor.devries@contoso.example",
        "startDate": str(date.today() + timedelta(days=7)),
        "startTime": "09:00",
        "timeZone": "Europe/Amsterdam",
        "note": "Desk 3.14",
    },
    timeout=30,
)
answer.raise_for_status()
print(answer.json()["nextActor"], [obstacle["code"] for obstacle in answer.json()["obstacles"]])
""",
)

READ = Example(
    "Read how far a starter is",
    """\
curl --fail-with-body "$PORTAL/api/v1/starters/servicenow/RITM0012345" \\
  -H "Authorization: Bearer $TOKEN"
""",
    """\
import os

import requests

answer = requests.get(
    f"{os.environ['PORTAL']}/api/v1/starters/servicenow/RITM0012345",
    headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
    timeout=30,
)
answer.raise_for_status()
print(answer.json()["state"], answer.headers["ETag"])
""",
)

POLL = Example(
    "Read what has changed since the last time",
    """\
curl --fail-with-body "$PORTAL/api/v1/starters?cursor=0" \\
  -H "Authorization: Bearer $TOKEN"
""",
    """\
import os

import requests

portal, headers = os.environ["PORTAL"], {"Authorization": f"Bearer {os.environ['TOKEN']}"}
address = "/api/v1/starters?cursor=0"  # later: the cursor of the last answer
while address:
    page = requests.get(portal + address, headers=headers, timeout=30)
    page.raise_for_status()
    for starter in page.json()["starters"]:
        print(starter["ticket"], starter["state"])
    address = page.json()["next"]
print("next time:", page.json()["cursor"])
""",
)

WITHDRAW = Example(
    "Withdraw a starter",
    """\
curl --fail-with-body -X POST "$PORTAL/api/v1/starters/servicenow/RITM0012345/withdrawal" \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{"reason": "The ticket was cancelled"}'
""",
    """\
import os
import time

import requests

while True:
    answer = requests.post(
        f"{os.environ['PORTAL']}/api/v1/starters/servicenow/RITM0012345/withdrawal",
        headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
        json={"reason": "The ticket was cancelled"},
        timeout=30,
    )
    answer.raise_for_status()
    if answer.status_code == 200:
        break
    time.sleep(int(answer.headers["Retry-After"]))  # 202: a pass is being deleted first
print(answer.json()["state"])
""",
)

EXAMPLES = (ADD, READ, POLL, WITHDRAW)
