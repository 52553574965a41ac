"""What commands and reporters are written with: option groups, tables on a terminal."""
