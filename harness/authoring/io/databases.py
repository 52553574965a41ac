"""What reading a damaged SQLite file may raise."""

from __future__ import annotations

import sqlite3

ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""To be caught as one: Python decodes SQLite's own message, which repeats bytes of the file."""
