"""`python -m themisdb_datasets` is the command `themis`."""

from themisdb_datasets.commands import main

main(prog_name="themis")
