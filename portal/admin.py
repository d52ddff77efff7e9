"""People in Django admin, read-only: name, roles and last sign-in."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import admin as _  # noqa: F401  (it registers the groups, which go again)
from django.contrib.auth.models import Group

from portal.models import User

admin.site.unregister(Group)  # roles come from Entra with each sign-in; the portal uses no groups


@admin.register(User)
class PersonAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("name", "user_principal_name", "roles", "last_login")
    search_fields = ("name", "user_principal_name", "oid")
    ordering = ("name", "pk")
    fields = ("name", "user_principal_name", "roles", "last_login", "tid", "oid")
