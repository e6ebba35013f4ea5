"""LangGraph state machines: discover, group, organise."""
