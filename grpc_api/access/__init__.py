"""Who calls, and what they may: API keys and tokens, proven before any work is done."""
