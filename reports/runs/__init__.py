"""A run: every case by every adapter in lockstep, judged, measured and compared."""
