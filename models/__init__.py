"""Clients of model servers, the embedded models and the launcher of a local server."""
