"""The names of ``harness.authoring.chat.encoding``, importable from here, too."""

from harness.authoring.chat.encoding import Encoder, EncodingError, Prefix, Scored, Tokens

__all__ = ["Encoder", "EncodingError", "Prefix", "Scored", "Tokens"]
