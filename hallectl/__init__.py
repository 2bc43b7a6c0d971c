"""hallectl, the operator's program: cli.py finds the command, one file per group of commands."""
