"""Messages outside: e-mail, text messages, push. Each says "you have a message" and nothing else."""
