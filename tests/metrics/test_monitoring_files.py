"""The dashboard and the alert rules name only what the portal has, and each alert fires when it should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.conf import settings

from onboarding.metrics.catalogue import BY_NAME, PREFIX, Kind

FOLDER = settings.BASE_DIR / "deploy/monitoring"
USE = re.compile(rf"{PREFIX}(?P<name>[a-z_]+)(?:\{{(?P<filters>[^}}]*)\}})?")
FILTER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|on|without|ignoring) \(([^)]*)\)")
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return list(group["rules"])


def panels() -> list[dict[str, Any]]:
    return [
        panel
        for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]
        if panel["type"] != "row"
    ]


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((rule["alert"], rule["expr"]) for rule in rules())
    yield from ((panel["title"], target["expr"]) for panel in panels() for target in panel["targets"])


def labels_of(name: str) -> dict[str, tuple[str, ...]] | None:
    """The labels of a metric as it is written in an expression, or None if there is no such metric."""
    if name in BY_NAME and BY_NAME[name].kind != Kind.HISTOGRAM:
        return dict(BY_NAME[name].labels)
    for part in HISTOGRAM_PARTS:
        whole = BY_NAME.get(name.removesuffix(part))
        if name.endswith(part) and whole and whole.kind == Kind.HISTOGRAM:
            return {"le": ()} if part == "_bucket" else {}
    return None


@pytest.mark.parametrize(("place", "expression"), expressions())
def test_each_metric_exists_with_these_labels(place, expression):
    used = list(USE.finditer(expression))
    known: set[str] = set()
    assert used
    for use in used:
        labels = labels_of(use["name"])
        assert labels is not None, use["name"]
        known |= set(labels)
        for label, operator, wanted in FILTER.findall(use["filters"] or ""):
            assert label in labels, f"{use['name']} has no {label}"
            found = [
                value
                for value in labels[label]
                if re.fullmatch(wanted if "~" in operator else re.escape(wanted), value)
            ]
            assert found, f"{use['name']}: no {label} is {wanted}"
    grouped = {name.strip() for names in GROUPING.findall(expression) for name in names.split(",")}
    assert grouped <= known


def test_the_dashboard_shows_every_metric():
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])

    for name, metric in BY_NAME.items():
        assert PREFIX + name + ("_bucket" if metric.kind == Kind.HISTOGRAM else "") in shown, name


def test_a_legend_names_only_labels_of_its_query():
    for panel in panels():
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            grouped = {
                name.strip() for names in GROUPING.findall(target["expr"]) for name in names.split(",")
            }
            assert named <= grouped, panel["title"]


def test_panels_do_not_overlap():
    taken: set[tuple[int, int]] = set()
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (column, line)
            for column in range(place["x"], place["x"] + place["w"])
            for line in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24 and not taken & cells, panel["title"]
        taken |= cells


def test_every_alert_says_what_to_do():
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert len({rule["alert"] for rule in rules()}) == len(rules())


# --- Each alert, in the situation it is for ------------------------------------------------------------------------

GROWS = "0+1x300"
BUCKET = 'pass_seconds_bucket{{le="{}"}}'
# The series that make each alert fire within three hours, and those that must not.
FIRES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "StarterPortalNotScraped": ({"another": "1x300"}, {"up": "1x300"}),
    "StarterPortalDatabaseAway": ({"up": "0x300"}, {"up": "1x300"}),
    "StarterPortalNoWorker": ({"workers_alive": "0x300"}, {"workers_alive": "1x300"}),
    "StarterPortalIssuingImpossible": (
        {"workers_alive": "1x300", "issuing_possible": "0x300"},
        {"workers_alive": "1x300", "issuing_possible": "1x300"},
    ),
    "StarterPortalPassUnresolved": (
        {'passes_open{state="unknown"}': "1x300"},
        {'passes_open{state="unknown"}': "0x300", 'passes_open{state="held"}': "9x300"},
    ),
    "StarterPortalPassesFail": (
        {'pass_requests_total{outcome="error"}': GROWS},
        {'pass_requests_total{outcome="shown"}': GROWS},
    ),
    "StarterPortalPassesSlow": (
        {BUCKET.format("8"): "0x300", BUCKET.format("16"): GROWS, BUCKET.format("+Inf"): GROWS},
        {BUCKET.format("8"): GROWS, BUCKET.format("16"): GROWS, BUCKET.format("+Inf"): GROWS},
    ),
    "StarterPortalGraphFails": (
        {'graph_calls_total{call="batch",status="none"}': GROWS, 'graph_calls_total{call="batch",status="200"}': GROWS},
        {'graph_calls_total{call="batch",status="429"}': GROWS, 'graph_calls_total{call="batch",status="200"}': GROWS},
    ),
    "StarterPortalGraphDenied": (
        {'graph_calls_total{call="read_groups",status="403"}': GROWS},
        {'graph_calls_total{call="read_groups",status="404"}': GROWS},
    ),
    "StarterPortalThrottled": (
        {'quota_paused_seconds{quota="passes"}': "30x300"}, {'quota_paused_seconds{quota="passes"}': "0x300"},
    ),
    "StarterPortalQueueLong": ({"queue_oldest_seconds": "400x300"}, {"queue_oldest_seconds": "200x300"}),
    "StarterPortalJobsLate": (
        {'jobs_oldest_due_seconds{kind="issue"}': "0+60x300"}, {'jobs_oldest_due_seconds{kind="issue"}': "60x300"},
    ),
    "StarterPortalJobsFailed": ({'jobs_failed{kind="mail"}': "1x300"}, {'jobs_failed{kind="mail"}': "0x300"}),
    "StarterPortalMailRefused": (
        {'mails_waiting{fault="setup"}': "1x300"}, {'mails_waiting{fault="none"}': "9x300"},
    ),
    "StarterPortalMailLate": (
        {'mails_oldest_waiting_seconds{fault="later"}': "0+60x300"},
        {'mails_oldest_waiting_seconds{fault="none"}': "0+60x300"},
    ),
    "StarterPortalWebhooksGivenUp": (
        {'webhooks_total{result="given_up"}': GROWS}, {'webhooks_total{result="failed"}': GROWS},
    ),
    "StarterPortalAuditHeadOld": (
        {'audit_outlet_expected{outlet="head_log"}': "1x300", 'audit_outlet_age_seconds{outlet="head_log"}': "9001x300"},
        {'audit_outlet_expected{outlet="head_log"}': "0x300", 'audit_outlet_age_seconds{outlet="head_log"}': "9001x300"},
    ),
    "StarterPortalAuditHeadNeverSent": (
        {'audit_outlet_expected{outlet="head_url"}': "1x300", 'audit_outlet_age_seconds{outlet="head_log"}': "1x300"},
        {'audit_outlet_expected{outlet="head_url"}': "1x300", 'audit_outlet_age_seconds{outlet="head_url"}': "1x300"},
    ),
    "StarterPortalAuditEventsLate": (
        {'audit_outlet_expected{outlet="events"}': "1x300", 'audit_outlet_behind_events{outlet="events"}': "5x300"},
        {'audit_outlet_expected{outlet="events"}': "0x300", 'audit_outlet_behind_events{outlet="events"}': "5x300"},
    ),
    "StarterPortalStopUsed": ({"stops_in_force": "1x300"}, {"stops_in_force": "0x300"}),
    "StarterPortalFrozen": ({"frozen": "1x600"}, {"frozen": "0x600"}),
}  # fmt: skip


def test_each_alert_has_a_situation():
    assert set(FIRES) == {rule["alert"] for rule in rules()}


def test_each_alert_fires_only_in_its_situation(tmp_path):
    if not shutil.which("promtool"):
        return  # the other tests read the rules
    files = []
    for rule in rules():
        alone = tmp_path / f"{rule['alert']}.rules.yaml"
        alone.write_text(yaml.safe_dump({"groups": [{"name": "alone", "rules": [rule]}]}))
        files.append(tmp_path / f"{rule['alert']}.yaml")
        tests = [
            situation(rule["alert"], *either) for either in zip(FIRES[rule["alert"]], (1, 0), strict=True)
        ]
        files[-1].write_text(yaml.safe_dump({"rule_files": [str(alone)], "tests": tests}))

    done = subprocess.run(["promtool", "test", "rules", *files], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def situation(alert: str, series: dict[str, str], fires: int) -> dict[str, Any]:
    """A test of promtool: with these series, the alert fires, or does not."""
    return {
        "interval": "1m",
        "input_series": [{"series": PREFIX + key, "values": values} for key, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
                "eval_time": "9h" if alert == "StarterPortalFrozen" else "3h",
                "exp_samples": [{"labels": "{}", "value": fires}],
            }
        ],
    }


def test_promtool_accepts_the_rules_where_it_is_found():
    if not shutil.which("promtool"):
        return  # the tests above read them
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint-fatal", FOLDER / "alerts.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
