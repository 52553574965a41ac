"""Reading what a model generated: its thinking, its end, and the option that it names."""
