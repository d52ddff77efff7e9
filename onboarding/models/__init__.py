"""What is kept. There is no column anywhere that could hold a pass."""

from onboarding.models.approval import Approval
from onboarding.models.audit import AuditDetail, AuditEvent, AuditHead
from onboarding.models.budget import GraphBudget, Turn
from onboarding.models.installation import Installation
from onboarding.models.issue import PassIssue
from onboarding.models.policy import PolicyActivation, PolicyVersion
from onboarding.models.starter import Starter
from onboarding.models.step_up import StepUpUsed
from onboarding.models.work import Heartbeat, Job, Mail

__all__ = [
    "Approval",
    "AuditDetail",
    "AuditEvent",
    "AuditHead",
    "GraphBudget",
    "Heartbeat",
    "Installation",
    "Job",
    "Mail",
    "PassIssue",
    "PolicyActivation",
    "PolicyVersion",
    "Starter",
    "StepUpUsed",
    "Turn",
]
