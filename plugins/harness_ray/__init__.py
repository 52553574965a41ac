"""``--executor ray``: the work of one run on several machines or devices, through Ray.

Reading order: ``settings`` → ``sharding`` (requests → shards) → ``cluster`` (Ray's start and end)
→ ``worker`` (a process that holds a copy of the model) → ``crew`` (the workers, and what happens
when one dies) → ``backend``, which joins them. Ray is not imported until a model is opened.
"""
