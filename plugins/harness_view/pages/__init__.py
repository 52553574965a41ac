"""The pages, each made of the index alone, or of one run folder."""
