"""Find out in a real tenant what no test can know: `manage.py prove_tenant`.

`reads` has the harmless reads, `probes` the passes that are created for a test account and deleted, `watching` what a
person does and the command only watches. `runner` has the list of all checks, and `report` writes what they found.
"""
