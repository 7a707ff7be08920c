"""What tests share: derived tolerances, oracles, awkward arrays."""
