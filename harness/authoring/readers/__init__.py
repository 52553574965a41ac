"""Reading data: text, JSON, tables and rows of every format that people have."""
