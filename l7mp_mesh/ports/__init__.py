"""Who talks to whom: the abstract classes between the packages, and nothing else."""
