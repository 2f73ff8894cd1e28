"""What people read: the run, its tables and pages, and the options of the tests."""
