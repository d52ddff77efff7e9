"""Words that wait until it is known who reads them, and the language in which the organisation itself writes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TypeAlias

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise, lazy

# A text, or a lazy text that is translated into the reader's language.
Words: TypeAlias = str | Promise


def default_language() -> AbstractContextManager[None]:
    """For what is written to people whose browser nobody has seen, such as a mail."""
    return translation.override(settings.ORGANISATION_LANGUAGE)


def _in_a_row(*join_sentences: Words) -> str:
    return " ".join(map(str, join_sentences))


def join_sentences(several: Iterable[Words]) -> Words:
    """Several in a row, not said before they are read."""
    made: Words = lazy(_in_a_row, str)(*several)
    return made
