"""From settings to webhooks: their control, their deliveries, and that each active one runs."""
