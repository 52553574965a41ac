"""What reporters and commands write with: whole files, JSON, tables on a terminal."""
