"""What a rule about personal data says. The rules themselves are in `rules.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.apps import apps
from django.db.models import Model, Q

# What an erased value begins with, where it cannot be empty.
ERASED = "erased-"
NO_NAME = "—"


class Link(StrEnum):
    """How a field names a person."""

    NONE = ""
    OBJECT_ID = "an object id"
    OBJECT_IDS = "a list of object ids"
    ADDRESS = "an account name or email address"
    USER = "a reference to the person's row"
    TEXT = "a text that may hold an id, a name or an address"


@dataclass(frozen=True)
class Personal:
    """Fields with one rule: what they say, why and how long they are kept, and how they are erased.

    `stays` returns the condition for rows that still have them although the time is over, which `kept` explains.
    `is_secret` values are never exported, because they would let somebody act as the person.
    """

    fields: tuple[str, ...]
    what: str
    why: str
    kept: str
    erased: str
    link: Link = Link.NONE
    stays: Callable[[], Q] | None = None
    is_secret: bool = False


@dataclass(frozen=True)
class TableRule:
    """One table: what it is for, how long a row stays, its personal fields, and the fields that say nothing personal."""

    label: str  # the model, as `app.Model`
    what: str
    row: str
    personal: tuple[Personal, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def model(self) -> type[Model]:
        return apps.get_model(self.label)

    @property
    def db_table(self) -> str:
        return str(self.model._meta.db_table)


def is_erased_value(value: Any) -> bool:
    """Whether a field holds nothing about a person any more."""
    if isinstance(value, str):
        return value in {"", NO_NAME} or value.startswith(ERASED)
    return value is None or value in ({}, [], ())
