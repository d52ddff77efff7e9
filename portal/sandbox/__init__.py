"""A simulated Entra tenant that speaks real HTTP: sign-in, managed identity, the used part of Graph, a mailbox.

The portal reaches it only through the settings that otherwise point at Microsoft. Start reading at
`routes.py` (how a request is answered), then `people.py` (the people) and `graph/passes.py` (the passes).
Nothing in this package needs Django.
"""
