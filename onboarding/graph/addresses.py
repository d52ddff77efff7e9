"""Check for exactly one mail address: a value of the directory can contain anything, also two addresses."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
# No comments, quotes, groups or lists of RFC 5322: a mail program could read these as a second address.
ONE = re.compile(r"""[^\s@,;:<>()\[\]\\"]{1,64}@[^\s@,;:<>()\[\]\\"]+""")


def single_address(value: object) -> str:
    """Return the value if it is exactly one plain address, else an empty string.

    It is compared in its compatibility form too: turned into ASCII, a fullwidth comma in a domain becomes a comma.
    """
    if not isinstance(value, str):
        return ""
    address = value.strip()
    forms = (address, unicodedata.normalize("NFKC", address))
    is_one = all(ONE.fullmatch(form) and form.isprintable() for form in forms)
    return address if is_one and len(address) <= LONGEST else ""
