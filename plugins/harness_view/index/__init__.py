"""An index of run folders, which are untrusted: what is damaged stands in it with its reason."""
