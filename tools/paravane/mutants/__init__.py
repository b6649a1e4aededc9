"""`./run.sh mutants`: wrong ops and wrong edits, which the suite must notice."""
