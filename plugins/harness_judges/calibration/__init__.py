"""How far a judge agrees with people, kept in a small file, and what it says about new answers."""
