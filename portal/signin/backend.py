"""Django's authentication backend: saves the person of a verified id token, and loads them for a session."""

from __future__ import annotations

from django.contrib.auth.backends import BaseBackend
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from portal.models import ADMIN, User
from portal.signin.tokens import Person


class EntraBackend(BaseBackend):
    def authenticate(self, request: HttpRequest | None, person: Person | None = None) -> User | None:  # type: ignore[override]
        if person is None:
            return None
        with transaction.atomic():
            return self._save_user(person)

    def _save_user(self, person: Person) -> User:
        """The row of this person, with the roles of this sign-in."""
        user, _created = User.objects.select_for_update().get_or_create(
            tid=person.tid, oid=person.oid, defaults={"last_login": timezone.now()}
        )
        # An admin may have lost the role just before this sign-in, so this sign-in still counts.
        if user.is_admin or ADMIN in person.roles:
            user.last_admin_at = timezone.now()
        user.name, user.user_principal_name = person.name, person.user_principal_name
        user.roles = list(person.roles)  # a role removed in Entra is removed here
        user.save(update_fields=["name", "user_principal_name", "roles", "last_admin_at"])
        return user

    def get_user(self, user_id: int) -> User | None:
        return User.objects.filter(pk=user_id).first()
