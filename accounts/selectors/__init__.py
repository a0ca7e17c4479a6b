"""Every read of the bank's tables. What an agent may see is decided here and nowhere else."""
