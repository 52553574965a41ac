"""What the user asked for: harness.toml and the command line become one frozen RunSpec.

The command line wins over the file. A key that does not exist is an error, never ignored.
"""

from harness.config.command_line import merge, parse_data, parse_settings
from harness.config.file import json_schema, read_config, read_gate, read_toml
from harness.config.model_config import ModelConfig
from harness.config.roles import parse_roles, role_flag
from harness.config.run_spec import RUNS, RunSpec, reducer_of
from harness.config.values import Settings, parse_pairs, split_names

__all__ = [
    "RUNS",
    "ModelConfig",
    "RunSpec",
    "Settings",
    "json_schema",
    "merge",
    "parse_data",
    "parse_pairs",
    "parse_roles",
    "parse_settings",
    "read_config",
    "read_gate",
    "read_toml",
    "reducer_of",
    "role_flag",
    "split_names",
]
