"""What workers ask of the database, and nobody else."""
