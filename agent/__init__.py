"""The planner: chooses abilities for what a person says, asks before it costs, answers with evidence."""
