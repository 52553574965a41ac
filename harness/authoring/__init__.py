"""What tasks, probes, backends and reporters are written with."""
