"""Pure parts of webhooks: messages and signatures, judging answers and addresses, waiting."""
