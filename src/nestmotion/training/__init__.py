"""Training: data, loop, checkpoints, run folder, export."""
