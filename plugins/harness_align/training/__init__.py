"""What runs in the child process: ``python -m harness_align.training SPEC.json``.

run.py        the run itself: model, data, callbacks, trainer, final checkpoint
methods/      one class a trainer, all of the same shape
setup.py      what a method is given
models.py     weights and tokenizers in, final checkpoints out
adapters.py   LoRA, QLoRA, prompt and prefix tuning
callbacks.py  progress, stopping on NaN or a constant reward, early stopping on a task
"""
