"""Recorded training steps: files of arrays as people have them; nothing that is in one is ever run."""
