"""What is kept. There is no column anywhere that could hold a pass."""

from onboarding.models.audit import AuditDetail, AuditEvent, AuditHead
from onboarding.models.budget import GraphBudget, Turn
from onboarding.models.issue import PassIssue
from onboarding.models.policy import PolicyVersion
from onboarding.models.starter import Starter
from onboarding.models.work import Heartbeat, Job, Mail

__all__ = [
    "AuditDetail",
    "AuditEvent",
    "AuditHead",
    "GraphBudget",
    "Heartbeat",
    "Job",
    "Mail",
    "PassIssue",
    "PolicyVersion",
    "Starter",
    "Turn",
]
