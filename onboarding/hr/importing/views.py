"""The pages of an import. Only its uploader changes it; colleagues in HR can read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import translation
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from onboarding.exports.csv_rows import BYTE_ORDER_MARK, format_csv_row
from onboarding.hr.importing import labels, presenting
from onboarding.hr.importing.forms import ColumnsForm, FileForm, PasteForm
from onboarding.imports import adding, findings, uploads
from onboarding.imports import header_names as names
from onboarding.imports.errors import UnreadableFile
from onboarding.models import ImportRow, StarterImport
from onboarding.permissions import hr_only

Phase, Status = StarterImport.Phase, ImportRow.Status
GONE = {Phase.READING, Phase.DELETED}
RUNNING = {Phase.CHECKING, Phase.ADDING}
LATEST = 20  # imports on the first page
POLL_SECONDS = 2
PASTED_NAMES = ("pasted", "accounts", "account")  # the last two come from HR's other forms


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def upload_page(request: HttpRequest) -> HttpResponse:
    """Take a file or a pasted table. An error is beside its field, and a pasted text stays."""
    if request.method != "POST":
        return _upload_page(request, FileForm(), PasteForm())
    pasted = next((request.POST[name] for name in PASTED_NAMES if name in request.POST), None)
    if pasted is not None:
        form: FileForm | PasteForm = PasteForm({"pasted": pasted})
        if form.is_valid() and (stored := _store(request, form, "pasted", pasted.encode(), "")):
            return redirect("hr:import-columns", import_id=stored.public_id)
        return _upload_page(request, FileForm(), form, status=400)
    form = FileForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        if stored := _store(request, form, "file", file.read(), file.name):
            return redirect("hr:import-columns", import_id=stored.public_id)
    return _upload_page(request, form, PasteForm(), status=400)


def _store(request: HttpRequest, form: Any, name: str, data: bytes, file_name: str) -> StarterImport | None:
    try:
        return uploads.store_file(data=data, file_name=file_name, by=request.user)
    except UnreadableFile as error:
        form.add_error(name, str(error.message))
        return None


def _upload_page(request: HttpRequest, file_form: Any, paste_form: Any, *, status: int = 200) -> HttpResponse:
    latest = StarterImport.objects.exclude(phase__in=GONE).select_related("uploaded_by")[:LATEST]
    context = {
        "file_form": file_form,
        "paste_form": paste_form,
        "is_wrong": bool(file_form.errors or paste_form.errors),
        "imports": latest,
        "columns": [label for _, label in labels.FIELD_CHOICES][:-1],
    }
    return render(request, "hr/importing/upload.html", context, status=status)


def _import_or_404(import_id: str) -> StarterImport:
    rows = StarterImport.objects.exclude(phase__in=GONE).select_related("uploaded_by")
    stored: StarterImport = get_object_or_404(rows, public_id=import_id)
    return stored


def _own_import_or_404(request: HttpRequest, import_id: str) -> StarterImport:
    """Only the person who imported a list can change it, because they count as the recorder of its starters."""
    stored = _import_or_404(import_id)
    if stored.uploaded_by_id != request.user.pk:
        raise Http404
    return stored


# --- Columns ----------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def columns_page(request: HttpRequest, import_id: str) -> HttpResponse:
    """Ask what each column is, then queue the check of all rows."""
    stored = _own_import_or_404(request, import_id)
    if stored.phase in RUNNING:
        return redirect("hr:import-list", import_id=import_id)
    form = ColumnsForm(request.POST if request.method == "POST" else None, stored=stored)
    if request.method == "POST" and form.is_valid():
        uploads.start_check(stored=stored, choices=form.choices, by=request.user)
        return redirect("hr:import-list", import_id=import_id)
    layout = uploads.layout_of(stored)
    samples = list(stored.rows.values_list("cells", flat=True)[:3])
    context = {
        "stored": stored,
        "form": form,
        "columns": [
            {
                "field": field,
                "samples": [cells[number] for cells in samples if number < len(cells) and cells[number]],
            }
            for number, field in enumerate(form.column_fields)
        ],
        "layout": layout,
        "unknown_count": len([field for field in form.column_fields if not field.value()]),
        "source": labels.describe_source(stored.source),
    }
    return render(request, "hr/importing/columns.html", context, status=400 if form.errors else 200)


# --- Progress and results ---------------------------------------------------------------------------------------------


@require_safe
@hr_only
def import_page(request: HttpRequest, import_id: str) -> HttpResponse:
    """Show the progress of the running job, or the rows by group. Its script asks by HEAD how far the job is."""
    stored = _import_or_404(import_id)
    if stored.phase == Phase.COLUMNS:
        return redirect("hr:import-columns", import_id=import_id)
    if stored.phase not in RUNNING:
        return _results_page(request, stored)
    done, total = presenting.count_progress(stored)
    is_adding = stored.phase == Phase.ADDING
    if request.method == "HEAD":
        counts = {"Import-Done": str(done), "Import-Total": str(total)}
        return HttpResponse(headers={"Import-Phase": stored.phase, **counts})
    context = {
        "stored": stored,
        "is_adding": is_adding,
        "done": done,
        "total": total,
        "poll_seconds": POLL_SECONDS,
        "is_waiting": stored.failures > 0,
        "address": request.path,
    }
    return render(request, "hr/importing/progress.html", context)


def _results_page(request: HttpRequest, stored: StarterImport) -> HttpResponse:
    groups = presenting.list_groups(stored)
    shown = groups.get(request.GET.get("show", "")) or _first_group(groups)
    page = Paginator(shown.rows(stored), presenting.PAGE_SIZE).get_page(request.GET.get("page"))
    is_own = stored.uploaded_by_id == request.user.pk
    is_question = shown.status == Status.QUESTION and is_own
    context = {
        "stored": stored,
        "groups": [group for group in groups.values() if group.count],
        "group": shown,
        "question": labels.QUESTIONS.get(shown.name, ""),
        "is_question": is_question,
        "is_together": shown.name in labels.ANSWERED_TOGETHER,
        "good_count": groups["good"].count,
        "done_count": groups["added"].count + groups["changed"].count,
        "rest_count": sum(groups[name].count for name in groups if groups[name].status in REST),
        "table": presenting.show_rows(stored, list(page)),
        "zone": "" if names.TIME_ZONE in stored.choices["fields"] else stored.choices["time_zone"],
        "page": page,
        "previous_url": _page_url(shown, page.previous_page_number()) if page.has_previous() else "",
        "next_url": _page_url(shown, page.next_page_number()) if page.has_next() else "",
        "is_own": is_own,
        "stopped": adding.STOPS.get(stored.stopped, ""),
        "source": labels.describe_source(stored.source),
    }
    return render(request, "hr/importing/results.html", context)


def _first_group(groups: dict[str, presenting.Group]) -> presenting.Group:
    return next((group for group in groups.values() if group.count), groups["good"])


def _page_url(group: presenting.Group, number: int) -> str:
    return f"?{urlencode({'show': group.name, 'page': str(number)})}"


@require_POST
@hr_only
def add_rows(request: HttpRequest, import_id: str) -> HttpResponse:
    """Add the good rows, all rows of a group, or the selected rows of a group."""
    stored = _own_import_or_404(request, import_id)
    group = presenting.list_groups(stored).get(request.POST.get("group", ""))
    if stored.phase == Phase.CHECKED and group is not None:
        if request.POST.get("step") == "selected":
            chosen = [
                int(value) for value in request.POST.getlist("row") if value.isdecimal() and len(value) < 10
            ]
            adding.add_rows(stored=stored, chosen=chosen, by=request.user)
        elif group.name == "good" or group.name in labels.ANSWERED_TOGETHER:
            adding.add_group(stored=stored, status=group.status, question=group.question, by=request.user)
    return redirect("hr:import-list", import_id=import_id)


@require_POST
@hr_only
def delete_import(request: HttpRequest, import_id: str) -> HttpResponse:
    """Delete the list now. Starters that were added from it stay."""
    stored = _own_import_or_404(request, import_id)
    uploads.delete_rows(stored)
    return redirect("hr:import")


# --- The rows to mend -------------------------------------------------------------------------------------------------

REST = {Status.ERROR, Status.QUESTION}


@require_safe
@hr_only
def download_rest(_request: HttpRequest, import_id: str) -> HttpResponseBase:
    """Download the rows that are not added, with their problems in a column that a new upload ignores."""
    stored = _import_or_404(import_id)
    if stored.phase != Phase.CHECKED:
        return redirect("hr:import-list", import_id=import_id)
    response = StreamingHttpResponse(_write_rest(stored), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="starters-to-correct.csv"'
    return response


def _write_rest(stored: StarterImport) -> Iterator[str]:
    """Excel in most of Europe expects semicolons; a CSV file keeps its own separator."""
    language, separator = translation.get_language() or "en", stored.source["separator"] or ";"
    last = 0
    with translation.override(language):
        titles = _rest_titles(stored)
        head = format_csv_row([*titles.values(), str(labels.PROBLEMS_TITLE)], separator=separator)
    yield BYTE_ORDER_MARK + head
    while rows := list(stored.rows.filter(status__in=REST, number__gt=last)[: uploads.BATCH]):
        with translation.override(language):  # not around a yield: other requests use this thread meanwhile
            part = "".join(format_csv_row(_rest_cells(row, titles), separator=separator) for row in rows)
        yield part
        last = rows[-1].number


def _rest_titles(stored: StarterImport) -> dict[int, str]:
    """Return the titles of the file by position, without the column for problems of an earlier download."""
    layout = uploads.layout_of(stored)
    titles = layout.titles
    if not layout.header_row:
        titles = [str(labels.FIELD_LABELS.get(name, labels.DO_NOT_USE)) for name in stored.choices["fields"]]
    return {number: title for number, title in enumerate(titles) if names.find_field(title) != names.IGNORED}


def _rest_cells(row: ImportRow, titles: dict[int, str]) -> list[str]:
    """Return the cells, and last the problems. Cells beyond the titles are among the problems, so that nothing is lost."""
    problems = []
    for finding in findings.from_json(row.findings):
        label = labels.FIELD_LABELS.get(finding.field)
        problems.append(f"{label}: {finding.words}" if label else finding.words)
    problems += [cell for cell in row.cells[max(titles, default=0) + 1 :] if cell]
    return [*(row.cells[number] if number < len(row.cells) else "" for number in titles), " ".join(problems)]
