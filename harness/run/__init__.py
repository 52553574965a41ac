"""The steps of a run: data, plan, requests, answers, results."""
