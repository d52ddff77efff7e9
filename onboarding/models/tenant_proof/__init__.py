"""What `manage.py prove_tenant` keeps: the passes that it creates to learn how the tenant answers."""
