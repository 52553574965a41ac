"""What is measured beside a task's own metrics: choices, calibration, differences of groups."""
