"""Turns a person whom Entra vouches for into a row, and a session back into that person."""

from __future__ import annotations

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from portal.models import User
from portal.signin.tokens import Person


class EntraBackend(BaseBackend):
    def authenticate(self, request: HttpRequest | None, person: Person | None = None) -> User | None:  # type: ignore[override]
        if person is None:
            return None
        user, _created = User.objects.update_or_create(
            tid=person.tid,
            oid=person.oid,
            defaults={
                "name": person.name,
                "user_principal_name": person.user_principal_name,
                "roles": list(person.roles),  # what was taken away in Entra is taken away here
            },
        )
        return user

    def get_user(self, user_id: int) -> User | None:
        return User.objects.filter(pk=user_id).first()
