"""What training changed: held-out answers, rewards, verdict."""
