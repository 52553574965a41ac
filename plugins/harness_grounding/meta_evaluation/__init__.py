"""``harness metric-eval``: does a metric agree with people's labels?"""
