"""What speed and memory are, as ratios in one run against what people would use instead."""
