"""The tables. No column anywhere could hold a pass."""

from onboarding.models.approval import Approval
from onboarding.models.audit import (
    AuditCheck,
    AuditCode,
    AuditDetail,
    AuditEvent,
    AuditHead,
    AuditKey,
    AuditOutlet,
    AuditWord,
)
from onboarding.models.directory.hires import HireListing
from onboarding.models.directory.log import DirectoryFinding, DirectoryLog, LoggedPass
from onboarding.models.graph_quota import GraphBudget, SignInBudget, Turn
from onboarding.models.imports.starter_import import ImportColumns, ImportRow, StarterImport
from onboarding.models.installation import Installation
from onboarding.models.job import Heartbeat, Job
from onboarding.models.lists.saved_filter import SavedFilter
from onboarding.models.mail import HrMailChoice, Mail
from onboarding.models.metrics.metric_count import MetricCount
from onboarding.models.pass_issue import PassIssue, StepUpUsed
from onboarding.models.policy import EffectivePolicy, PolicyActivation, PolicyStop, PolicyVersion, SitePolicy
from onboarding.models.starter import Starter
from onboarding.models.starter_search import StarterWord
from onboarding.models.stops.code_tries import StopCodeTries
from onboarding.models.tenant_proof.probe_pass import ProbePass
from onboarding.models.ticket import ApiUsage, Hook, HookDelivery, Ticket

__all__ = [
    "ApiUsage",
    "Approval",
    "AuditCheck",
    "AuditCode",
    "AuditDetail",
    "AuditEvent",
    "AuditHead",
    "AuditKey",
    "AuditOutlet",
    "AuditWord",
    "DirectoryFinding",
    "DirectoryLog",
    "EffectivePolicy",
    "GraphBudget",
    "Heartbeat",
    "HireListing",
    "Hook",
    "HookDelivery",
    "HrMailChoice",
    "ImportColumns",
    "ImportRow",
    "Installation",
    "Job",
    "LoggedPass",
    "Mail",
    "MetricCount",
    "PassIssue",
    "PolicyActivation",
    "PolicyStop",
    "PolicyVersion",
    "ProbePass",
    "SavedFilter",
    "SignInBudget",
    "SitePolicy",
    "Starter",
    "StarterImport",
    "StarterWord",
    "StepUpUsed",
    "StopCodeTries",
    "Ticket",
    "Turn",
]
