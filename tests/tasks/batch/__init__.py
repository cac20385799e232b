"""The batch system, on a real SLURM."""
