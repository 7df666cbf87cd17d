"""The ground of all rooms: code for a while, secret files, damage, text of others."""
