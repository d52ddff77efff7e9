"""`make drill`: backup under load, restore beside, adopt, reconcile, and an upgrade over two releases."""
