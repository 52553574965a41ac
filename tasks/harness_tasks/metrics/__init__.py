"""What the tasks measure; opened with the task, so that registration stays light."""
