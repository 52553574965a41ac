"""Safety basics: personal data in outputs, refusals, prompt injection, jailbreaks."""
