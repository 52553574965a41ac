"""What a checkpoint's folder holds beside its weights, and what follows from it."""
