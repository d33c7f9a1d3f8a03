"""What holds whatever anybody does, in whichever order."""
