"""Digests: one mail about several starters, for one reader."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from onboarding import clock
from onboarding.mail.kinds import BATCHED_KINDS, CONFIRMERS, DIGEST, HR_DIGEST, Reader
from onboarding.mail.outbox import message_id, release_mail
from onboarding.mail.rendering import common_context, format_start, page_link, render_mail, stop_link
from onboarding.models import Mail

MAX_STARTERS = 500  # in one digest


def build_digest(mails: Sequence[Mail], *, to: str) -> Mail:
    """Write one mail about all of these, and let it leave. Each of them stays as a row of its own."""
    readers = [mail.recipient for mail in mails]
    digest = Mail.objects.create(
        kind=HR_DIGEST if readers[0] == Reader.HR else DIGEST,
        to=to,
        reader_id=mails[0].reader_id if readers[0] == Reader.HR else "",
        recipient=next((reader for reader in readers if reader in CONFIRMERS), readers[0]),
        box=mails[0].box,
        message_id=message_id(f"{DIGEST}:{':'.join(str(mail.pk) for mail in mails)}"),
        written_at=clock.now(),
        **render_digest(mails),
    )
    Mail.objects.filter(pk__in=[mail.pk for mail in mails]).update(digest=digest)
    release_mail(digest)
    return digest


def rewrite_digest(digest: Mail, mails: Sequence[Mail]) -> None:
    """Write the digest again about these mails only: the others are no longer relevant."""
    for name, value in render_digest(mails).items():
        setattr(digest, name, value)
    digest.save(update_fields=["subject", "text", "html"])


def render_digest(mails: Sequence[Mail]) -> dict[str, str]:
    """The `subject`, `text` and `html`: grouped by what to do, the most urgent first, and then by date."""
    by_date = sorted(mails, key=lambda mail: mail.starter.starts_at if mail.starter else mail.written_at)
    if mails[0].recipient == Reader.HR:
        return _render_hr_digest(by_date)
    groups = [
        {"kind": kind, "lines": [_digest_line(mail) for mail in by_date if mail.kind == kind]}
        for kind in reversed(BATCHED_KINDS)
    ]
    groups = [group for group in groups if group["lines"]]
    return render_mail(DIGEST, {**common_context(), "count": len(mails), "groups": groups})


def _render_hr_digest(by_date: Sequence[Mail]) -> dict[str, str]:
    """What needs attention, then what is done; each by date."""
    lines = [{**_digest_line(mail), "kind": mail.kind, "reason": mail.reason} for mail in by_date]
    context = {
        **common_context(),
        "count": len({mail.starter_id for mail in by_date}),
        "attention": [line for line in lines if line["kind"] != "registered"],
        "done": [line for line in lines if line["kind"] == "registered"],
        "choice_link": settings.PORTAL_URL + reverse("hr:mail-choice") if by_date[0].reader_id else "",
    }
    return render_mail(HR_DIGEST, context)


def _digest_line(mail: Mail) -> dict[str, str]:
    assert mail.starter is not None  # noqa: S101 (each mail in a digest is about a starter)
    return {
        "name": mail.starter.name,
        "start": format_start(mail.starter),
        "zone": mail.starter.time_zone,
        "link": page_link(Reader(mail.recipient), mail.starter),
        "stop_link": stop_link(Reader(mail.recipient), mail.starter),
    }
