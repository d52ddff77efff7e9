"""The reconciler resolves every unclear outcome of a pass, deletes what nobody saw, and notices what was used.

Only Microsoft's own list ends a pass. A refused POST, an answer to a DELETE, "not found" and our own clock are
hints, and a later reading of the list settles each. An answer that cannot tell never overwrites what was known.
"""

from onboarding.passes.reconciler.steps import reconcile

__all__ = ["reconcile"]
