"""The vendor's endpoint: signing, one request with its retries, answers turned into typed rows."""
