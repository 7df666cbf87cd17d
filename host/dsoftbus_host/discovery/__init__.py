"""Announcements on several interfaces, their sockets, and names that look alike."""
