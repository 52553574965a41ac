"""``harness view``: many run folders in the browser of this machine, or as a static site.

index      what the folders hold, in SQLite: read once, then only what changed
notes      tags and comments, kept beside the runs
figures    leaderboards, histories, fronts: numbers, without pages
pages      what each page shows, decided apart from how it looks
server     the pages on 127.0.0.1
export     the pages as files
"""
