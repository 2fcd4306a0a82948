"""Where trust's register is kept: tiles, checkpoints, statements, witnesses."""
