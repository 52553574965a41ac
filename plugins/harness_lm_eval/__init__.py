"""Tasks of lm-evaluation-harness in this engine, and this engine as a model of theirs."""
