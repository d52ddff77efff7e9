"""A pretend Entra tenant that speaks real HTTP: sign-in, managed identity, the used part of Graph, a mailbox.

The portal reaches it only through the settings that otherwise point at Microsoft. Start reading at
`routes.py` (how a request is answered), then `people.py` (who lives here) and `graph/passes.py` (what
everything is about).
Nothing in this package needs Django.
"""
