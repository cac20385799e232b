"""What a site says about itself; one section per module that reads it."""
