"""What changed since charts were last released, and what follows from it."""
