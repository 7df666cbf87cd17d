"""Floor 4: who is there. Announcements, the table of peers, and what a flood may cost."""
