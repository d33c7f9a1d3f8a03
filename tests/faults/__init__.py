"""What goes wrong in the world: kills, crowds, full disks, locks. On a real server."""
