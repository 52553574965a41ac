"""The encoding's rules live in ``harness.encoding``; their names stay importable from here."""

from harness.encoding import Encoder, EncodingError, Prefix, Scored, Tokens

__all__ = ["Encoder", "EncodingError", "Prefix", "Scored", "Tokens"]
