"""What everybody must agree on: identity, envelope, register, seal and evidence.

Pure: no I/O, no clock. Time, randomness and keys are arguments. An auditor can import this package alone.
"""
