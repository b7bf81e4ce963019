"""From a network to a finished picture of any size: memory forecast, tiles, precision, guards."""
