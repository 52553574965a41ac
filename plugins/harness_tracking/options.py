"""The exporters' options in a line each; their modules read them."""

EVERY_EVAL_EVER = {
    "organization": "who evaluated (default unknown)",
    "relationship": "of the evaluator to the model: first_party, third_party, collaborative or "
    "other (default other)",
    "model_id": "the model's id, as ORGANIZATION/NAME (default the run's model)",
    "samples": "yes or no: write the instances, with prompts and answers (default yes)",
}
HUGGING_FACE = {
    "model_id": "the model's name in its card (default the run's model)",
    "source_url": "where the evaluation can be seen",
    "source_name": "what that is called (needs source_url)",
}
MLFLOW = {
    "uri": "the tracking server or store, such as http://host:5000 or sqlite:///runs.db (default "
    "$MLFLOW_TRACKING_URI, else MLflow's own)",
    "experiment": "the experiment's name (default evalign)",
}
WANDB = {
    "project": "the project (default evalign)",
    "entity": "the user or team that owns it",
    "mode": "offline (files that `wandb sync` uploads) or online (default offline)",
    "dir": "where offline files go (default the working folder)",
}
