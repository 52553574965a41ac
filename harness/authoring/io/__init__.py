"""What passes between plugins and the outside: files, JSON forms, options of commands, tables."""
