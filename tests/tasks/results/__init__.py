"""Results of batch jobs, on a real file system."""
