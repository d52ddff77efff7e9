"""What the page about the API shows of webhooks: the events, one as it arrives, and examples. A test runs each example.

RECEIVER is the https address that gets the events, SECRET and HOOK are what the portal answered when it was added.
"""

from __future__ import annotations

from onboarding.api.examples import Example

# When each event is sent. The names are short, because those of the audit log differ.
_WHEN = {
    "recorded": "the starter was added, or its withdrawal was undone",
    "accepted": "HR accepted it",
    "account_found": "the expected account appeared in Entra",
    "refused": "a check found what prevents a pass; the obstacles say what",
    "invited": "the manager or stand-in can open the starter’s page",
    "escalated": "nobody had confirmed by the set hour",
    "pass_created": "a pass was created",
    "pass_used": "the starter signed in with it",
    "pass_cancelled": "the pass was deleted",
    "registered": "the starter has a sign-in method of their own",
    "withdrawn": "the starter was withdrawn",
    "stopped": "somebody used the emergency stop",
    "started_again": "two people in HR ended the emergency stop",
    "lapsed": "the time for a pass ended without a result",
}
EVENTS = {f"starter.{name}": meaning for name, meaning in _WHEN.items()}

# With line breaks that a real body does not have.
EVENT = """\
POST /starters HTTP/1.1
Content-Type: application/json
webhook-id: msg_5f2b0c9d4e8a4b7f9a1c3d5e7f901234
webhook-timestamp: 1796026502
webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=

{
  "type": "starter.refused",
  "timestamp": "2026-11-30T08:15:02.113Z",
  "data": {
    "source": "servicenow",
    "ticket": "RITM0012345",
    "state": "recorded",
    "nextActor": "hr",
    "obstacles": [
      {"code": "account_missing", "text": "The account does not exist yet"}
    ],
    "changedAt": "2026-11-30T08:15:02Z",
    "url": "https://starters.contoso.example/api/v1/starters/servicenow/RITM0012345"
  }
}
"""

SUBSCRIBE = Example(
    "Add a webhook",
    """\
curl --fail-with-body -X POST "$PORTAL/api/v1/hooks" \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{"url": "'"$RECEIVER"'", "source": "servicenow"}'
""",
    """\
import os

import requests

answer = requests.post(
    f"{os.environ['PORTAL']}/api/v1/hooks",
    headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
    json={"url": os.environ["RECEIVER"], "source": "servicenow"},
    timeout=30,
)
answer.raise_for_status()
print(answer.json()["id"], answer.json()["secret"])  # keep the secret: nobody can read it again
""",
)

VERIFY = Example(
    "Verify a webhook",
    """\
# body.json is the body as it arrived.
# ID, TIMESTAMP and SIGNATURE are the headers webhook-id, webhook-timestamp and webhook-signature.
key=$(printf '%s' "${SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \\n')
digest=$({ printf '%s.%s.' "$ID" "$TIMESTAMP"; cat body.json; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
age=$(($(date +%s) - TIMESTAMP))
[ "v1,$digest" = "$SIGNATURE" ] && [ "${age#-}" -le 300 ] && echo genuine
""",
    """\
import base64
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

key = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
seen = set()  # better: ids in a database


def is_genuine(headers, body):
    message_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent_at.isdecimal() or abs(time.time() - int(sent_at)) > 300:
        return False
    digest = hmac.digest(key, f"{message_id}.{sent_at}.".encode() + body, "sha256")
    expected = b"v1," + base64.b64encode(digest)
    offered = headers.get("webhook-signature", "").encode().split()
    return any(hmac.compare_digest(expected, signature) for signature in offered)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not is_genuine(self.headers, body):
            self.send_response(401)
        else:
            self.send_response(204)
            if self.headers["webhook-id"] not in seen:
                seen.add(self.headers["webhook-id"])
                event = json.loads(body)
                print(event["type"], event["data"]["ticket"], event["data"]["state"], flush=True)
        self.end_headers()


HTTPServer(("127.0.0.1", int(os.environ.get("PORT", 8080))), Receiver).serve_forever()
""",
)

LIST = Example(
    "List your webhooks",
    """\
curl --fail-with-body "$PORTAL/api/v1/hooks" \\
  -H "Authorization: Bearer $TOKEN"
""",
    """\
import os

import requests

answer = requests.get(
    f"{os.environ['PORTAL']}/api/v1/hooks",
    headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
    timeout=30,
)
answer.raise_for_status()
for hook in answer.json()["hooks"]:
    print(hook["id"], hook["host"], hook["state"])
""",
)

REMOVE = Example(
    "Remove a webhook",
    """\
curl --fail-with-body -X DELETE "$PORTAL/api/v1/hooks/$HOOK" \\
  -H "Authorization: Bearer $TOKEN"
""",
    """\
import os

import requests

answer = requests.delete(
    f"{os.environ['PORTAL']}/api/v1/hooks/{os.environ['HOOK']}",
    headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
    timeout=30,
)
answer.raise_for_status()
""",
)

EXAMPLES = (SUBSCRIBE, VERIFY, LIST, REMOVE)
