"""The commands for boards: `dsoftbus board`."""
