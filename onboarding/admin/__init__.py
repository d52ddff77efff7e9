"""Django admin: policy, failed jobs, audit log."""

from onboarding.admin import directory_findings, policy, records  # noqa: F401 - they register their pages
