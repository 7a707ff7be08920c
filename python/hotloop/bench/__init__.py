"""The measuring core of ``hotloop bench``: hotloop beside other libraries, in turn, against the machine's ceilings.

``python -m hotloop.bench`` measures in this process; ``hotloop bench`` starts it with every library held to the same
number of threads. docs/benchmarks.md tells the method and the format of its results.
"""
