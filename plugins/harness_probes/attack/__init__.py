"""A search for the smallest change of a text that turns a right answer into a wrong one."""
