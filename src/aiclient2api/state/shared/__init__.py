"""What gateways have in common: nothing when one is alone, Redis or Valkey when REDIS_URL names one."""
