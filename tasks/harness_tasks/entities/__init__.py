"""Named entities: data, prompts, answers, and how they are counted."""
