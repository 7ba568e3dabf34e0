"""The commands: arguments in, text out, nothing else."""
