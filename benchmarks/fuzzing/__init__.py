"""What ``benchmarks.fuzz`` changes in files, and how their readers are watched."""
