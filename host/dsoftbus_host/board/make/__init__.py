"""The way from the project's sources to what a board loads."""
