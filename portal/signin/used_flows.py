"""Sign-ins that came back from Microsoft in the last minutes, in the memory of this process: each is answered once.

A browser forgets its sign-in with the answer, whatever the outcome. This holds a client that keeps the cookie to the same:
it needs a new sign-in for each code that it tries. A finished sign-in also has a row (`flows.finish_sign_in`), which holds
for all processes.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock

from portal.models import SignIn

MOST = 20_000  # that are remembered; the one that came back first is forgotten first


class UsedFlows:
    def __init__(self) -> None:
        self._lock = Lock()
        self._used: OrderedDict[str, float] = OrderedDict()  # the hash of the state, and when it came back

    def use(self, state_hash: str) -> bool:
        """Use this sign-in. Return False if it was used before."""
        with self._lock:
            self._forget_old()
            if state_hash in self._used:
                return False
            self._used[state_hash] = time.monotonic()
            return True

    def is_used(self, state_hash: str) -> bool:
        with self._lock:
            return state_hash in self._used

    def _forget_old(self) -> None:
        """Forget those whose cookie is too old by now."""
        before = time.monotonic() - SignIn.LASTS.total_seconds()
        while self._used and (len(self._used) >= MOST or next(iter(self._used.values())) < before):
            self._used.popitem(last=False)


used_flows = UsedFlows()
