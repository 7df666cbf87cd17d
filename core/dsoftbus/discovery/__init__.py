"""Discovery: announcements, the table of peers, and what a flood may cost."""
