"""HR's pages: the list with its filters, a starter's page, and what HR can do there.

`views` has one module per task. `labels` has the words for a starter's state; the texts of a refusal are in `guards`.
"""
