"""One module a family: what it says, and the sample items it can make."""
