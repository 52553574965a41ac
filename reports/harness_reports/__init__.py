"""Reports: console, HTML, Markdown, JSON, JUnit."""
