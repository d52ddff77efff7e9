"""Exactly one mail address: a directory, a form or a variable can hold anything, also two addresses."""

from __future__ import annotations

import re

import idna

LONGEST = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
# A plain local part and a domain. No comments, quotes, groups, lists or address literals of RFC 5322: a mail program
# could read these as a second address.
ONE = re.compile(r"([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64})@([^\s@]{1,253})")
HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")


def single_address(value: object) -> str:
    """Return the value if it is exactly one plain address, else an empty text.

    An international domain is returned in its ASCII form (`xn--`): what is stored, shown and sent is the same, and a
    look-alike letter shows. A local part with other letters than ASCII is refused: not every mail server takes it.
    """
    found = ONE.fullmatch(value.strip(" ")) if isinstance(value, str) else None
    if found is None:
        return ""
    local, domain = found[1], _ascii_domain(found[2])
    # "=?" begins an encoded word, which a program that writes headers may decode to another address.
    is_odd = local.startswith(".") or local.endswith(".") or ".." in local or "=?" in local
    address = f"{local}@{domain}"
    return address if domain and not is_odd and len(address) <= LONGEST else ""


def _ascii_domain(domain: str) -> str:
    """Return the domain in ASCII, or an empty text if it is none. IDNA 2008, without mapping one letter to another."""
    if domain.isascii() and "xn--" not in domain.lower():
        return domain if HOST.fullmatch(domain) else ""
    try:
        return idna.encode(domain.lower(), strict=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return ""
