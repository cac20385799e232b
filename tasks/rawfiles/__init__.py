"""Run files of the data acquisition on a file system: what they hold, as facts.

The outside system is a folder of HDF5 files that others write. Reading never changes or
locks a file, and a damaged or hostile file is a fact, not an exception. When the file
system is down, runs stay closed and uninspected; nothing is lost.
"""
