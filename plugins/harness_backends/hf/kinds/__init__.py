"""The kinds of model beyond causal ones: encoder-decoders and encoders with a head.

Reading order: ``detection`` (which kind a checkpoint is), ``backend`` (what all kinds share),
then ``encoder`` (rows through an encoder) with its heads ``classifier`` (and ``labels``),
``masked``, ``extractive`` and ``token_classifier``; ``seq2seq`` with its ``encoding`` of source
and target. A kind needs a class with the four members of ``backend.Answerer``, and a line in
``opening``.
"""
